using TorchSharp;

namespace DiffeoNN.Onnx.Energies;

/// <summary>Energies of a batch of images; owns its tensors.</summary>
/// <param name="Energy">Shape (N): the weighted sum of the terms, one an image.</param>
/// <param name="Terms">Shape (N, T): the unweighted terms.</param>
/// <param name="Gradient">Shape (N, C, H, W): derivative of each image's energy by its own pixels; null if it was not asked for.</param>
public sealed record EnergyEvaluation(torch.Tensor Energy, torch.Tensor Terms, torch.Tensor? Gradient) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Energy.Dispose();
        Terms.Dispose();
        Gradient?.Dispose();
    }
}
