using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Rendering;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What became of one image of an evaluation, as tiles.</summary>
/// <param name="Result">The image's record.</param>
/// <param name="Name">The image's name in the data.</param>
/// <param name="Undeformed">The undeformed image and the network's answer for it.</param>
/// <param name="Input">The deformed image.</param>
/// <param name="Alone">The deformed image and the network's answer for it.</param>
/// <param name="Search">The map found, the canonical image, and the answer for that.</param>
/// <param name="Carried">The deformed image and the answer that was carried back.</param>
/// <param name="Footer">What the search did, in a line.</param>
internal sealed record ComparisonPanel(
    SampleResult Result, string Name, PanelTile Undeformed, PanelTile Input, PanelTile Alone, IReadOnlyList<PanelTile> Search,
    PanelTile Carried, string Footer)
{
    /// <summary>All tiles, from left to right.</summary>
    public IReadOnlyList<PanelTile> Tiles => [Undeformed, Input, Alone, .. Search, Carried];

    /// <summary>Searches again for a few images: keeping the fields of all would take memory without bound.</summary>
    /// <param name="evaluator">What evaluated them.</param>
    /// <param name="model">The model it evaluated.</param>
    /// <param name="data">Where the samples are read again.</param>
    /// <param name="chosen">Records of the images, at most as many as one batch may have.</param>
    /// <param name="cancellationToken">Ends the work within one step.</param>
    public static IReadOnlyList<ComparisonPanel> Of(
        Evaluator evaluator, EquivariantModel model, IEvaluationData data, IReadOnlyList<SampleResult> chosen,
        CancellationToken cancellationToken)
    {
        DeformedSample[] samples = [.. chosen.Select(result => evaluator.Deform(data, result.Index, cancellationToken))];
        ImageBuffer[] images = [.. samples.Select(sample => sample.Image)];
        var clean = model.RunNaive([.. samples.Select(sample => sample.Original.Image)], cancellationToken);
        var naive = model.RunNaive(images, cancellationToken);
        using var found = model.Run(images, null, cancellationToken);
        return [.. Enumerable.Range(0, samples.Length).Select(i =>
            Of(found, i, samples[i], chosen[i], clean[i], naive[i], SearchText.Footer(found.Images[i], model)))];
    }

    private static ComparisonPanel Of(
        EquivariantResult found, int index, DeformedSample sample, SampleResult result, ModelOutput clean, ModelOutput naive, string footer)
    {
        var tiles = Panels.Tiles(found, index);
        return new ComparisonPanel(
            result,
            sample.Original.Name,
            Panels.Tile("undeformed", OutputPicture.Displayable(sample.Original.Image), clean) with
            {
                Reference = sample.Original.Mask, Caption = result.Clean.Caption,
            },
            tiles[0],
            Panels.Tile("network alone", found.Images[index].Input, naive) with
            {
                Reference = sample.Mask, Caption = result.Naive.Caption,
            },
            tiles[1..^1],
            tiles[^1] with { Reference = sample.Mask, Caption = result.Diffeonn.Caption },
            footer);
    }
}
