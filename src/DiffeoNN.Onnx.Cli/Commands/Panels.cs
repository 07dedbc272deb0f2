using DiffeoNN.Onnx.Answers;
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
    /// <summary>Draws the panel that <c>run</c> writes, as PNG.</summary>
    /// <param name="path">File to create or replace.</param>
    /// <param name="image">What became of the image; its output may lack planes.</param>
    /// <param name="answer">The same output, from which planes are drawn some rows at a time.</param>
    /// <param name="fields">The batch's.</param>
    /// <param name="index">Which image of the batch.</param>
    /// <param name="model">What ran.</param>
    /// <exception cref="Files.OutputException">The file cannot be written.</exception>
    public static void Write(
        string path, EquivariantImage image, MappedOutput answer, CanonicalisationResult fields, int index, EquivariantModel model)
    {
        var options = new PanelOptions { Classes = answer.All.Select(one => one.Legend).FirstOrDefault(legend => legend is not null) };
        var tiles = Tiles(image, fields, index);
        foreach (var (one, output) in answer.All.Zip(image.Output.All))
        {
            var title = answer.Further.Count == 0 ? "final output" : $"final {one.Name}";
            tiles.Add(one.IsPicture ? Shrunk(title, one, output, options) : Tile(title, image.Input, output));
        }

        PanelRenderer.Write(path, [new PanelRow(tiles, SearchText.Footer(image, model))], options);
    }

    /// <summary>One row of the demo's picture: the network alone and the panel's tiles, the truth outlined.</summary>
    public static PanelRow Compare(
        EquivariantResult batch, int index, LabelMap truth, ModelOutput naive, double naiveIou, double foundIou)
    {
        var tiles = Tiles(batch, index);
        tiles[^1] = tiles[^1] with { Reference = truth, Caption = $"IoU {foundIou:F3}" };
        tiles.Insert(
            1, Tile("network alone", batch.Images[index].Input, naive) with { Reference = truth, Caption = $"IoU {naiveIou:F3}" });
        return new PanelRow(tiles);
    }

    /// <summary>Input, deformation, canonical image, its output, final output.</summary>
    public static List<PanelTile> Tiles(EquivariantResult batch, int index)
    {
        var image = batch.Images[index];
        return [.. Tiles(image, batch.Fields, index), Tile("final output", image.Input, image.Output)];
    }

    private static List<PanelTile> Tiles(EquivariantImage image, CanonicalisationResult fields, int index) =>
    [
        new PanelTile("input", OutputPicture.Displayable(image.Input)),
        new PanelTile("deformation", OutputPicture.Displayable(image.Input))
        {
            Grid = DeformationMap.FromTensor(fields.Displacement, index),
        },
        new PanelTile("canonical", OutputPicture.Displayable(image.Canonical)),
        Tile("its output", image.Canonical, image.CanonicalOutput),
    ];

    private static PanelTile Shrunk(string title, MappedOutput answer, ModelOutput summary, PanelOptions options)
    {
        var (height, width) = options.SizeOf(answer.Height, answer.Width);
        return new PanelTile(title, ImageResampler.Resize(answer.ToPicture(summary)!, answer.Height, height, width));
    }

    /// <summary>An image with an answer drawn over it, or the answer's own picture.</summary>
    public static PanelTile Tile(string title, ImageBuffer image, ModelOutput output)
    {
        var sketch = output.ToSketch();
        if (sketch.Picture is { } picture) return new PanelTile(title, picture);
        return new PanelTile(title, OutputPicture.Displayable(image))
        {
            Labels = sketch.Labels,
            Points = sketch.Points is { } points ? [.. points.Select(point => Place(image, output, point))] : null,
            Boxes = sketch.Boxes is { } boxes ? [.. boxes.Select(box => Frame(image, output, box))] : null,
            Caption = sketch.Caption,
        };
    }

    private static (double X0, double Y0, double X1, double Y1, int Colour, string? Text) Frame(
        ImageBuffer image, ModelOutput output, AnswerBox box)
    {
        var ((x0, y0), (x1, y1)) = (Place(image, output, (box.Left, box.Top)), Place(image, output, (box.Right, box.Bottom)));
        return (x0, y0, x1, y1, 1 + (box.Class ?? 0), box.Class is { } label ? output.NameOf(label) : null);
    }

    private static (double X, double Y) Place(ImageBuffer image, ModelOutput output, (double Column, double Row) point)
    {
        // The answer may be for another size of the same image.
        var grid = new SamplingGrid(image.Height, image.Width);
        return (grid.X(point.Column * (image.Width - 1) / (output.Width - 1)),
            grid.Y(point.Row * (image.Height - 1) / (output.Height - 1)));
    }
}
