using System.Globalization;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Rendering;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The folder <c>evaluate</c> writes: <c>panels/</c>, <c>samples.csv</c>, <c>boxplot.png</c> and, last,
/// <c>summary.json</c>.</summary>
internal sealed class EvaluationReport
{
    private const string PanelFolder = "panels";
    private static readonly string[] Groups = ["worst", "median", "best"];
    private readonly string _path;
    private readonly Evaluator _evaluator;
    private readonly EquivariantModel _model;

    /// <summary>Creates the folder, so that one that cannot be written is told at the start.</summary>
    /// <exception cref="OutputException">The folder cannot be created.</exception>
    public EvaluationReport(string path, Evaluator evaluator, EquivariantModel model)
    {
        _path = path;
        _evaluator = evaluator;
        _model = model;
        AtomicFile.CreateFolder(path);
    }

    /// <summary>Writes everything; panels of an earlier report go.</summary>
    /// <param name="result">What was found.</param>
    /// <param name="data">Where the samples of panels are read again.</param>
    /// <param name="panels">Worst, median and best images to draw, at most all; 0 for none.</param>
    /// <param name="batch">Images run together.</param>
    /// <param name="progress">Advanced by each panel.</param>
    /// <param name="cancellationToken">Ends the work within one step; the summary is then not written.</param>
    /// <exception cref="OutputException">A file cannot be written.</exception>
    public void Write(
        EvaluationResult result, IEvaluationData data, int panels, int batch, ProgressLines progress, CancellationToken cancellationToken)
    {
        string summary = Path.Combine(_path, "summary.json"), folder = Path.Combine(_path, PanelFolder);
        File.Delete(summary);
        if (Directory.Exists(folder))
            foreach (var old in Groups.SelectMany(group => Directory.EnumerateFiles(folder, $"{group}-*.png")).ToList())
                File.Delete(old);
        if (panels > 0) AtomicFile.CreateFolder(folder);
        foreach (var chunk in Places(result, panels).Chunk(batch))
        {
            DrawPanels(folder, [.. chunk], data, cancellationToken);
            progress.Value += chunk.Sum(place => place.Value.Count);
        }

        AtomicFile.WriteText(Path.Combine(_path, "samples.csv"), SampleTable.ToCsv(result.Samples));
        WriteBoxPlot(Path.Combine(_path, "boxplot.png"), result);
        AtomicFile.WriteText(summary, result.Summary.ToJson());
    }

    /// <summary>Which images are drawn, and the names of their panels; an image may be in several groups.</summary>
    private static Dictionary<SampleResult, List<string>> Places(EvaluationResult result, int panels)
    {
        var ranked = result.Ranked();
        var places = new Dictionary<SampleResult, List<string>>(ReferenceEqualityComparer.Instance);
        var middle = Math.Clamp((ranked.Count - panels) / 2, 0, ranked.Count);
        for (var i = 0; i < panels; i++)
            foreach (var (group, at) in new[] { ("worst", i), ("median", middle + i), ("best", ranked.Count - 1 - i) })
            {
                if (!places.TryGetValue(ranked[at], out var names)) places[ranked[at]] = names = [];
                names.Add(string.Create(
                    CultureInfo.InvariantCulture, $"{group}-{i + 1:D2}-{Path.GetFileNameWithoutExtension(ranked[at].Name)}.png"));
            }

        return places;
    }

    private void DrawPanels(
        string folder, KeyValuePair<SampleResult, List<string>>[] chunk, IEvaluationData data, CancellationToken cancellationToken)
    {
        var panels = ComparisonPanel.Of(_evaluator, _model, data, [.. chunk.Select(place => place.Key)], cancellationToken);
        foreach (var (place, panel) in chunk.Zip(panels))
        {
            PanelRenderer.Write(
                [.. place.Value.Select(name => Path.Combine(folder, name))], [new PanelRow(panel.Tiles, panel.Footer)],
                new PanelOptions { Heading = $"{panel.Name}   {panel.Result.Heading}" });
        }
    }

    private static void WriteBoxPlot(string path, EvaluationResult result)
    {
        var summary = result.Summary;
        string[] names = [.. result.Samples[0].Methods().Select(method => method.Key)];
        var series = names.Select(
            (name, i) => new BoxPlotSeries(name, [.. result.Samples.Select(sample => sample.Methods().ElementAt(i).Value.Rank)]));
        var images = $"{summary.Model}, {summary.Count} images, {summary.Deform}, seed {summary.Seed}";
        BoxPlotRenderer.Write(path, images, summary.RankTitle, [.. series]);
    }
}
