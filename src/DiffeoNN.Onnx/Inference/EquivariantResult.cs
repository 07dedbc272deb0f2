using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Inference;

/// <summary>Answers for a batch of images; owns the tensors of its canonicalisation.</summary>
/// <param name="images">One record an image, in the order given.</param>
/// <param name="fields">Canonical images, velocities, displacements and inverse displacements at the bundle's size, and the time each stage
/// took.</param>
/// <param name="inferenceTime">Time of proposer and inner model together.</param>
public sealed class EquivariantResult(
    IReadOnlyList<EquivariantImage> images, CanonicalisationResult fields, TimeSpan inferenceTime) : IDisposable
{
    /// <summary>One record an image, in the order given.</summary>
    public IReadOnlyList<EquivariantImage> Images => images;

    /// <summary>Canonical images, velocities, displacements and inverse displacements at the bundle's size, and the time each stage
    /// took.</summary>
    public CanonicalisationResult Fields => fields;

    /// <summary>Time of proposer and inner model together.</summary>
    public TimeSpan InferenceTime => inferenceTime;

    /// <inheritdoc/>
    public void Dispose() => Fields.Dispose();
}
