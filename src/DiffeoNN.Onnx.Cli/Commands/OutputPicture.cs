using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Rendering;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The picture of an answer.</summary>
internal static class OutputPicture
{
    /// <summary>An image as a picture can show it: grey or RGB, of other numbers of channels the first.</summary>
    public static ImageBuffer Displayable(ImageBuffer image) =>
        image.Channels is 1 or 3 ? image : new ImageBuffer(1, image.Height, image.Width, image.Plane(0).ToArray());

    /// <summary>The input with the points or boxes of an answer marked.</summary>
    /// <param name="output">The answer.</param>
    /// <param name="image">The input.</param>
    public static PanelRow Marked(ModelOutput output, ImageBuffer image) =>
        new([Panels.Tile(output.Kind.ToString().ToLowerInvariant(), image, output)]);

    /// <summary>Options of a panel whose tile has the answer's size.</summary>
    public static PanelOptions FullSize(MappedOutput answer) => new() { TileSize = Math.Max(32, Math.Max(answer.Height, answer.Width)) };
}
