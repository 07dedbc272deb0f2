using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Rendering;
using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>One picture of a row.</summary>
/// <param name="Title">What it is.</param>
/// <param name="Caption">The answer or its score; null for none.</param>
/// <param name="Picture">One channel or three.</param>
internal sealed record FitPicture(string Title, string? Caption, ImageBuffer Picture);

/// <summary>A row of pictures: what became of one image.</summary>
/// <param name="Title">Which image, and why it is shown.</param>
/// <param name="Text">The truth and the scores, and what the search did.</param>
/// <param name="Pictures">From before to after.</param>
internal sealed record FitPanel(string Title, string Text, IReadOnlyList<FitPicture> Pictures)
{
    private const int TileSize = 224;

    /// <summary>Rows for the worst, the median and the best image of the family that decides, and for two undeformed images.</summary>
    /// <param name="result">Of a fit.</param>
    /// <param name="execution">Device and cores.</param>
    /// <param name="cancellationToken">Ends the work within one step.</param>
    public static IReadOnlyList<FitPanel> Of(FitResult result, ExecutionOptions execution, CancellationToken cancellationToken)
    {
        var seed = (ulong)(result.Bundle.Manifest.Provenance?.Seed ?? 1);
        using var model = EquivariantModel.Load(result.Bundle.Folder, new EquivariantOptions { Execution = execution, Seed = seed });
        var data = result.Verdict.OfTruth ? result.HeldOut : new AgreementData(model, result.HeldOut);
        var panels = new List<FitPanel>();
        foreach (var evaluation in result.Evaluations)
        {
            var family = evaluation.Summary.Deform;
            if (family == result.Verdict.Strongest) Add(evaluation, $", {family}", [("Worst", 0), ("Median", 0.5), ("Best", 1)]);
        }

        if (result.Evaluations.FirstOrDefault(evaluation => evaluation.Summary.Deform == "none") is { } undeformed)
            Add(undeformed, ", undeformed", [("Worst", 0), ("Median", 0.5)]);
        return panels;

        void Add(EvaluationResult evaluation, string what, (string Name, double Rank)[] chosen)
        {
            var evaluator = new Evaluator(model, new EvaluationOptions
            {
                Deformation = Deformation.Create(evaluation.Summary.Deform), Seed = evaluation.Summary.Seed, MeasuresInvariance = false,
                Task = result.Verdict.OfTruth ? EvaluationTask.Of(model) : EvaluationTask.OfAgreement(model),
            });
            var ranked = evaluation.Ranked();
            var places = chosen.Select(one => ranked[(int)(one.Rank * (ranked.Count - 1))]).ToList();
            var found = ComparisonPanel.Of(evaluator, model, data, places, cancellationToken);
            panels.AddRange(found.Zip(chosen, (panel, one) => Of(panel, $"{one.Name}{what}: {panel.Name}")));
        }
    }

    private static FitPanel Of(ComparisonPanel panel, string title) => new(title, $"{panel.Result.Heading}\n{panel.Footer}",
    [
        Picture("undeformed", panel.Undeformed), Picture("deformed", panel.Input), Picture("network alone", panel.Alone),
        Picture("canonical image", panel.Search.First(tile => tile.Title == "canonical")), Picture("answer carried back", panel.Carried),
    ]);

    private static FitPicture Picture(string title, PanelTile tile) => new(
        title, tile.Caption, PanelRenderer.RenderTile(tile with { Caption = null }, new PanelOptions { TileSize = TileSize }));
}
