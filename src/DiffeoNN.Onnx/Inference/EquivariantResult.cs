using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Inference;

/// <summary>Answers for a batch of images; owns the tensors of its canonicalisation.</summary>
/// <param name="Images">One record an image, in the order given.</param>
/// <param name="Fields">Canonical images, velocities, displacements and inverse displacements at the bundle's size, and the time each stage
/// took.</param>
/// <param name="InferenceTime">Time of proposer and inner model together.</param>
public sealed record EquivariantResult(
    IReadOnlyList<EquivariantImage> Images, CanonicalisationResult Fields, TimeSpan InferenceTime) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Fields.Dispose();
}
