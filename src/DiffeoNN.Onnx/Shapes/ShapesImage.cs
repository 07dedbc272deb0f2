using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Shapes;

/// <summary>A synthetic image and what is to be segmented in it.</summary>
/// <param name="Image">One grey channel, values in [0, 1].</param>
/// <param name="Mask">One channel of the same size: 1 on the target, 0 elsewhere.</param>
public sealed record ShapesImage(ImageBuffer Image, ImageBuffer Mask);
