using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The panel of an image: input, deformation grid, canonical image, its output, final output.</summary>
internal static class Panels
{
    /// <summary>Draws the panel that <c>run</c> writes.</summary>
    public static ImageBuffer Draw(EquivariantResult batch, int index, EquivariantModel model)
    {
        var row = new PanelRow([.. Tiles(batch, index, model)], Footer(batch.Images[index].Canonicalisation));
        return PanelRenderer.Render([row]);
    }

    /// <summary>The line below a panel: what the search did.</summary>
    public static string Footer(ImageCanonicalisation found) =>
        $"energy {found.Total.Before:G4} -> {found.Total.After:G4}   steps {found.Steps}   "
        + $"determinant {found.Diagnostics.MinimumDeterminant:F2} to {found.Diagnostics.MaximumDeterminant:F2}   "
        + $"inverse within {found.Diagnostics.InverseResidualMaximum:F2} pixels"
        + (found.Refusal is { } refusal ? $"   left as it is: {refusal.Reason}" : "");

    /// <summary>One row of the demo's picture: the network alone and the panel's tiles, the truth outlined.</summary>
    public static PanelRow Compare(
        EquivariantResult batch, int index, EquivariantModel model, LabelMap truth, ModelOutput naive, double naiveIou, double foundIou)
    {
        var tiles = Tiles(batch, index, model);
        tiles[^1] = tiles[^1] with { Reference = truth, Caption = $"IoU {foundIou:F3}" };
        tiles.Insert(1, Tile("network alone", batch.Images[index].Input, naive, model) with { Reference = truth, Caption = $"IoU {naiveIou:F3}" });
        return new PanelRow(tiles);
    }

    /// <summary>Input, deformation, canonical image, its output, final output.</summary>
    public static List<PanelTile> Tiles(EquivariantResult batch, int index, EquivariantModel model)
    {
        var image = batch.Images[index];
        return
        [
            new PanelTile("input", OutputPicture.Displayable(image.Input)),
            new PanelTile("deformation", OutputPicture.Displayable(image.Input)) { Grid = DeformationMap.FromTensor(batch.Fields.Displacement, index) },
            new PanelTile("canonical", OutputPicture.Displayable(image.Canonical)),
            Tile("its output", image.Canonical, image.CanonicalOutput, model),
            Tile("final output", image.Input, image.Output, model),
        ];
    }

    /// <summary>An image with an answer drawn over it.</summary>
    public static PanelTile Tile(string title, ImageBuffer image, ModelOutput output, EquivariantModel? model = null)
    {
        if (output is { Kind: Bundles.OutputKind.Image, Planes: { } planes }) return new PanelTile(title, OutputPicture.Displayable(planes));
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
        return (grid.X(point.Column * (image.Width - 1) / (output.Width - 1)), grid.Y(point.Row * (image.Height - 1) / (output.Height - 1)));
    }

    /// <summary>A class by the bundle's name for it, or its number.</summary>
    public static string ClassName(int label, EquivariantModel? model) =>
        model?.Bundle.Manifest.Models.Inner.Output.Classes is { } names && label < names.Count ? names[label] : $"class {label}";
}
