using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The picture of an answer.</summary>
internal static class OutputPicture
{
    /// <summary>A mask for segmentations (black and white for two classes, else the class's index as grey level of 255), the values for images
    /// of one channel or three, the marked input for points, nothing for classifications.</summary>
    /// <param name="output">The answer, at the image's size.</param>
    /// <param name="image">The input.</param>
    public static ImageBuffer? Draw(ModelOutput output, ImageBuffer image) => output.Kind switch
    {
        OutputKind.Segmentation => Classes(output) <= 2 ? output.Labels!.ToImage() : output.Labels!.ToImage(256),
        OutputKind.Image => Displayable(output.Planes!),
        OutputKind.Points => PanelRenderer.Render([new PanelRow([Panels.Tile("points", image, output)])], new PanelOptions { TileSize = Math.Max(image.Height, image.Width) }),
        _ => null,
    };

    /// <summary>Number of classes of a segmentation; a single plane means two.</summary>
    public static int Classes(ModelOutput output) => Math.Max(2, output.Planes!.Channels);

    /// <summary>An image as a picture can show it: grey or RGB, of other numbers of channels the first.</summary>
    public static ImageBuffer Displayable(ImageBuffer image) =>
        image.Channels is 1 or 3 ? image : new ImageBuffer(1, image.Height, image.Width, image.Plane(0).ToArray());
}
