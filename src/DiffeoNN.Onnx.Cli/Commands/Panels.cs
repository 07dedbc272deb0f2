using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Rendering;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The panel of an image: input, deformation grid, canonical image, its output, final output.</summary>
internal static class Panels
{
    /// <summary>Draws the panel that <c>run</c> writes.</summary>
    /// <param name="image">What became of the image; its output may lack planes.</param>
    /// <param name="answer">The same output, from which planes are drawn some rows at a time.</param>
    /// <param name="fields">The batch's.</param>
    /// <param name="index">Which image of the batch.</param>
    /// <param name="model">What ran.</param>
    public static ImageBuffer Draw(
        EquivariantImage image, MappedOutput answer, CanonicalisationResult fields, int index, EquivariantModel model)
    {
        var options = new PanelOptions { Classes = Classes(answer, model) };
        var tiles = Tiles(image, fields, index, model);
        tiles.Add(answer.Kind == Bundles.OutputKind.Image
            ? Shrunk("final output", answer, options)
            : Tile("final output", image.Input, image.Output, model));
        return PanelRenderer.Render([new PanelRow(tiles, SearchText.Footer(image, model))], options);
    }

    /// <summary>One row of the demo's picture: the network alone and the panel's tiles, the truth outlined.</summary>
    public static PanelRow Compare(
        EquivariantResult batch, int index, EquivariantModel model, LabelMap truth, ModelOutput naive, double naiveIou, double foundIou)
    {
        var tiles = Tiles(batch, index, model);
        tiles[^1] = tiles[^1] with { Reference = truth, Caption = $"IoU {foundIou:F3}" };
        tiles.Insert(
            1, Tile("network alone", batch.Images[index].Input, naive, model) with { Reference = truth, Caption = $"IoU {naiveIou:F3}" });
        return new PanelRow(tiles);
    }

    /// <summary>Input, deformation, canonical image, its output, final output.</summary>
    public static List<PanelTile> Tiles(EquivariantResult batch, int index, EquivariantModel model)
    {
        var image = batch.Images[index];
        return [.. Tiles(image, batch.Fields, index, model), Tile("final output", image.Input, image.Output, model)];
    }

    private static List<PanelTile> Tiles(EquivariantImage image, CanonicalisationResult fields, int index, EquivariantModel model) =>
    [
        new PanelTile("input", OutputPicture.Displayable(image.Input)),
        new PanelTile("deformation", OutputPicture.Displayable(image.Input))
        {
            Grid = DeformationMap.FromTensor(fields.Displacement, index),
        },
        new PanelTile("canonical", OutputPicture.Displayable(image.Canonical)),
        Tile("its output", image.Canonical, image.CanonicalOutput, model),
    ];

    private static PanelTile Shrunk(string title, MappedOutput answer, PanelOptions options)
    {
        var (height, width) = options.SizeOf(answer.Height, answer.Width);
        var tiles = answer.Tiles(answer.Channels is 1 or 3 ? null : 0).Select(tile => tile.Rows);
        return new PanelTile(title, ImageResampler.Resize(tiles, answer.Height, height, width));
    }

    /// <summary>Names of a segmentation's classes, for the legend; null for other answers.</summary>
    private static IReadOnlyList<string>? Classes(MappedOutput answer, EquivariantModel model) =>
        answer.Kind == Bundles.OutputKind.Segmentation
        ? [.. Enumerable.Range(0, OutputPicture.Classes(answer)).Select(label => ClassName(label, model))]
        : null;

    /// <summary>An image with an answer drawn over it.</summary>
    public static PanelTile Tile(string title, ImageBuffer image, ModelOutput output, EquivariantModel? model = null)
    {
        if (output is { Kind: Bundles.OutputKind.Image, Planes: { } planes })
            return new PanelTile(title, OutputPicture.Displayable(planes));
        return new PanelTile(title, OutputPicture.Displayable(image))
        {
            Labels = output.Labels,
            Points = output.Points is { } points ? [.. points.Select(point => Place(image, output, point))] : null,
            Caption = output.Class is { } label ? ClassName(label, model) : null,
        };
    }

    private static (double X, double Y) Place(ImageBuffer image, ModelOutput output, (double Column, double Row) point)
    {
        // The answer may be for another size of the same image.
        var grid = new SamplingGrid(image.Height, image.Width);
        return (grid.X(point.Column * (image.Width - 1) / (output.Width - 1)),
            grid.Y(point.Row * (image.Height - 1) / (output.Height - 1)));
    }

    /// <summary>A class by the bundle's name for it, or its number.</summary>
    public static string ClassName(int label, EquivariantModel? model) =>
        model?.Bundle.Manifest.Models.Inner.Output.Classes is { } names && label < names.Count ? names[label] : $"class {label}";
}
