using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>An undeformed image and the truth about it.</summary>
/// <param name="Name">Names it within its data.</param>
/// <param name="Image">At least 2x2 pixels, values in [0, 1].</param>
/// <param name="Mask">Segmentation: class of every pixel, of the image's size; null for classifications.</param>
/// <param name="Label">Classification: the class; null for segmentations.</param>
public sealed record EvaluationSample(string Name, ImageBuffer Image, LabelMap? Mask, int? Label)
{
    /// <summary>What the image's file says about how it is looked at.</summary>
    public ImageOrientation Orientation { get; init; } = ImageOrientation.Upright;
}
