using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Rendering;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The picture of an answer.</summary>
internal static class OutputPicture
{
    /// <summary>Pixels of a tile of rows of a mask.</summary>
    private const int TilePixels = 1 << 18;

    /// <summary>The picture of a segmentation (black and white for two classes, else the class's index as grey level of 255) or of an
    /// image (its values
    /// where it has one channel or three, else the first), some rows at a time.</summary>
    /// <param name="answer">A segmentation or image.</param>
    /// <param name="summary">The same, mapped back without planes.</param>
    public static IEnumerable<ImageBuffer> Tiles(MappedOutput answer, ModelOutput summary) => answer.Kind == OutputKind.Segmentation
        ? MaskTiles(summary.Labels!, Classes(answer) <= 2 ? 255f : 1f)
        : answer.Tiles(answer.Channels is 1 or 3 ? null : 0).Select(tile => tile.Rows);

    /// <summary>Number of classes of a segmentation; a single plane means two.</summary>
    public static int Classes(MappedOutput answer) => Math.Max(2, answer.Channels);

    /// <summary>An image as a picture can show it: grey or RGB, of other numbers of channels the first.</summary>
    public static ImageBuffer Displayable(ImageBuffer image) =>
        image.Channels is 1 or 3 ? image : new ImageBuffer(1, image.Height, image.Width, image.Plane(0).ToArray());

    /// <summary>The input with the points of an answer marked.</summary>
    /// <param name="output">Points.</param>
    /// <param name="image">The input.</param>
    public static PanelRow Marked(ModelOutput output, ImageBuffer image) => new([Panels.Tile("points", image, output)]);

    /// <summary>Options of a panel whose tile has the answer's size.</summary>
    public static PanelOptions FullSize(MappedOutput answer) => new() { TileSize = Math.Max(32, Math.Max(answer.Height, answer.Width)) };

    private static IEnumerable<ImageBuffer> MaskTiles(LabelMap labels, float level)
    {
        int rows = Math.Max(1, TilePixels / labels.Width);
        for (int first = 0; first < labels.Height; first += rows)
        {
            var part = labels.Labels.Slice(first * labels.Width, Math.Min(rows, labels.Height - first) * labels.Width);
            var tile = new ImageBuffer(1, part.Length / labels.Width, labels.Width);
            for (int i = 0; i < part.Length; i++) tile.Data[i] = part[i] * level / 255f;
            yield return tile;
        }
    }
}
