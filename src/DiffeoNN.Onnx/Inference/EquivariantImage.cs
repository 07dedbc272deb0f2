using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Inference;

/// <summary>What became of one image.</summary>
/// <param name="Output">The answer, at the input's size and in its geometry.</param>
/// <param name="Input">The input at the bundle's size, pixel values.</param>
/// <param name="Canonical">The canonical image at the bundle's size, pixel values.</param>
/// <param name="CanonicalOutput">The network's answer for the canonical image, at the bundle's size.</param>
/// <param name="Canonicalisation">How the canonical image was found.</param>
public sealed record EquivariantImage(
    ModelOutput Output,
    ImageBuffer Input,
    ImageBuffer Canonical,
    ModelOutput CanonicalOutput,
    ImageCanonicalisation Canonicalisation)
{
    /// <summary>Over how many maps the answer is the mean: 1, or more where answers are averaged; 0 where the image was left as it is.
    /// The other members tell of the last of them.</summary>
    public int Maps { get; init; }
}
