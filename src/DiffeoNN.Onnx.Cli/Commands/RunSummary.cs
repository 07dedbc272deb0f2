using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Inference;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What a run did, over all images.</summary>
internal sealed class RunSummary
{
    private readonly List<ImageCanonicalisation> _images = [];
    private TimeSpan _time;

    /// <summary>Counts a batch.</summary>
    public void Add(EquivariantResult batch)
    {
        _images.AddRange(batch.Images.Select(image => image.Canonicalisation));
        _time += batch.Fields.Times.Total + batch.InferenceTime;
    }

    /// <summary>Prints the table, and what went wrong.</summary>
    /// <returns><see cref="ExitCode.NonFinite"/> if an energy was not finite, else success.</returns>
    public ExitCode Print(IAnsiConsole console, string output)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumn("").AddColumn(new TableColumn("mean").RightAligned()).AddColumn(new TableColumn("worst").RightAligned());
        Row("energy and regularisers before", image => image.Total.Before, values => values.Max(), "F2");
        Row("energy and regularisers after", image => image.Total.After, values => values.Max(), "F2");
        Row("steps", image => image.Steps, values => values.Max(), "F0");
        Row("smallest Jacobian determinant", image => image.Diagnostics.MinimumDeterminant, values => values.Min(), "F3");
        Row("inverse residual in pixels", image => image.Diagnostics.InverseResidualMaximum, values => values.Max(), "F3");
        console.Write(table);
        int folded = _images.Count(image => image.Diagnostics.FoldedFraction > 0);
        console.MarkupLineInterpolated($"Images: {_images.Count} in {_time.TotalSeconds:F1} s, {_time.TotalSeconds / _images.Count:F2} s each; {Stopped(StopReason.Converged)} converged, {folded} with folds; results in {output}");
        var refused = _images.Where(image => !image.Accepted).CountBy(image => image.Refusal!.Reason).OrderBy(pair => pair.Key).ToList();
        if (refused.Count > 0)
            console.MarkupLineInterpolated($"Left as they are, with the answer of the network alone: {refused.Sum(pair => pair.Value)} of {_images.Count} ({string.Join(", ", refused.Select(pair => $"{Describe(pair.Key)} {pair.Value}"))}).");
        int broken = Stopped(StopReason.NonFinite);
        if (broken == 0) return ExitCode.Success;
        console.MarkupLineInterpolated($"[red]The energy was not finite for {broken} of {_images.Count} images; their answers come from the best image before that, or from the network alone.[/]");
        return ExitCode.NonFinite;

        static string Describe(RefusalReason reason) => reason switch
        {
            RefusalReason.AlreadyCanonical => "canonical already",
            RefusalReason.NotEnoughDecrease => "energy did not fall enough",
            RefusalReason.Folded => "map folds",
            RefusalReason.InverseResidual => "inverse too inexact",
            _ => "energy not finite",
        };

        int Stopped(StopReason reason) => _images.Count(image => image.Stop == reason);

        void Row(string title, Func<ImageCanonicalisation, double> value, Func<IEnumerable<double>, double> worst, string format) =>
            table.AddRow(title, _images.Average(value).ToString(format), worst(_images.Select(value)).ToString(format));
    }
}
