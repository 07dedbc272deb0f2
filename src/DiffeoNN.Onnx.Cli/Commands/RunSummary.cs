using System.Diagnostics;
using System.Globalization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Inference;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What a run did, over all images; its clock starts when it is made.</summary>
internal sealed class RunSummary(EquivariantModel model)
{
    private readonly List<(ImageCanonicalisation Found, int Maps, bool IsFinite)> _images = [];
    private readonly AnswerTally _answers = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TimeSpan _networks;

    /// <summary>Counts an image.</summary>
    /// <param name="image">What became of it.</param>
    /// <param name="alone">The answer of the network alone; null where it was not asked for.</param>
    public void Add(EquivariantImage image, ModelOutput? alone)
    {
        _images.Add((image.Canonicalisation, image.Maps, image.Output.IsFinite));
        _answers.Add(image.Output, alone);
    }

    /// <summary>Counts the time of a batch.</summary>
    public void Add(EquivariantBatch batch) => _networks += batch.Times.Total + batch.InferenceTime;

    /// <summary>Prints the table, and what went wrong.</summary>
    /// <returns><see cref="ExitCode.NonFinite"/> if an energy or an answer was not finite, else success.</returns>
    public ExitCode Print(IAnsiConsole console, string output)
    {
        var whole = _clock.Elapsed;
        var table = new Table().Border(TableBorder.Rounded).AddColumn("").AddColumn(new TableColumn("mean").RightAligned())
            .AddColumn(new TableColumn("worst").RightAligned());
        Row("energy of the input", image => image.InputEnergy, values => values.Max(), "F2");
        Row("energy of the image used", image => image.CanonicalEnergy, values => values.Max(), "F2");
        Row("steps", image => image.Steps, values => values.Max(), "F0");
        Row("smallest Jacobian determinant", image => image.Diagnostics.MinimumDeterminant, values => values.Min(), "F3");
        Row("inverse residual in pixels", image => image.Diagnostics.InverseResidualMaximum, values => values.Max(), "F3");
        console.Write(table);
        var folded = Found().Count(image => image.Diagnostics.FoldedFraction > 0);
        var each = $"{Number(whole.TotalSeconds / _images.Count, "F2")} s each";
        var ofIt = $"{Number(_networks.TotalSeconds / _images.Count, "F2")} s search and networks";
        var time = $"{Number(whole.TotalSeconds, "F1")} s, {each}, of which {ofIt}";
        console.MarkupLineInterpolated($"Images: {_images.Count} in {time}; {folded} with folds; results in {output}");
        foreach (var line in _answers.Lines) console.MarkupLineInterpolated($"Answers (each in results.jsonl): {line}.");
        PrintOrigins(console);
        var refused = Found().Where(image => !image.Accepted).CountBy(image => image.Refusal!.Reason).OrderBy(pair => pair.Key).ToList();
        if (refused.Count > 0)
        {
            var reasons = string.Join(", ", refused.Select(pair => $"{SearchText.Describe(pair.Key)} {pair.Value}"));
            var share = $"{refused.Sum(pair => pair.Value)} of {_images.Count}";
            console.MarkupLineInterpolated($"Left as they are, with the answer of the network alone: {share} ({reasons}).");
        }

        var broken = Found().Count(image => image.Stop == StopReason.NonFinite);
        const string answers = "their answers come from the best image before that, or from the network alone";
        if (broken > 0)
            console.MarkupLineInterpolated($"[red]The energy was not finite for {broken} of {_images.Count} images; {answers}.[/]");
        var unanswered = _images.Count(image => !image.IsFinite);
        const string advice = "see notFinite in results.jsonl, and look at the network's weights and the range of its input "
            + "(diffeonn doctor)";
        if (unanswered > 0)
        {
            console.MarkupLineInterpolated(
                $"[red]The network's answer holds numbers that are not finite for {unanswered} of {_images.Count} images; {advice}.[/]");
        }

        return broken + unanswered == 0 ? ExitCode.Success : ExitCode.NonFinite;

        void Row(string title, Func<ImageCanonicalisation, double> value, Func<IEnumerable<double>, double> worst, string format) =>
            table.AddRow(title, Number(Found().Average(value), format), Number(worst(Found().Select(value)), format));

        static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
    }

    /// <summary>Says what led to the maps used, and which searches ran out of steps.</summary>
    private void PrintOrigins(IAnsiConsole console)
    {
        var used = _images.Where(image => image.Found.Accepted).ToList();
        if (used.Count > 0)
        {
            var origins = string.Join(", ", used
                .CountBy(image => (SearchText.FromProposal(image.Found, model), image.Found.BestStep > 0) switch
                {
                    (true, false) => "proposal used as it is",
                    (true, true) => "proposal refined by a search",
                    (false, true) => "found by a search",
                    (false, false) => "start used as it is",
                })
                .OrderByDescending(pair => pair.Value).Select(pair => $"{pair.Key} {pair.Value}"));
            int[] maps = [.. used.Select(image => image.Maps).Distinct().Order()];
            var number = maps[0] == maps[^1] ? $"{maps[0]}" : $"{maps[0]} to {maps[^1]}";
            var averaged = maps[^1] > 1 ? $"; answers are the mean over {number} maps" : "";
            console.MarkupLineInterpolated($"Maps used: {used.Count} of {_images.Count} ({origins}){averaged}.");
        }

        var searches = Found().Where(image => image.Steps > 0).ToList();
        var converged = searches.Count(image => image.Stop == StopReason.Converged);
        if (searches.Count > 0) console.MarkupLineInterpolated($"Searches: {searches.Count}, of which {converged} converged.");
    }

    private IEnumerable<ImageCanonicalisation> Found() => _images.Select(image => image.Found);
}
