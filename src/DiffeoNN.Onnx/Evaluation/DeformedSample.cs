using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>A sample and its deformed self.</summary>
/// <param name="Original">As it was read.</param>
/// <param name="Map">The deformation, on the image's own pixels.</param>
/// <param name="Image">The deformed image, zero outside.</param>
/// <param name="Mask">The deformed mask, class 0 outside (<see cref="DeformationMap.Apply(LabelMap)"/>); null for classifications.</param>
public sealed record DeformedSample(EvaluationSample Original, DeformationMap Map, ImageBuffer Image, LabelMap? Mask)
{
    /// <summary>All that is true of the deformed image.</summary>
    internal Truth Truth { get; init; } = new();
}
