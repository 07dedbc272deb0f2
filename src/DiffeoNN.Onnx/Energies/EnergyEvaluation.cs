using TorchSharp;

namespace DiffeoNN.Onnx.Energies;

/// <summary>Energies of a batch of images; owns its tensors.</summary>
/// <param name="energy">Shape (N): the weighted sum of the terms, one an image.</param>
/// <param name="terms">Shape (N, T): the unweighted terms.</param>
/// <param name="gradient">Shape (N, C, H, W): derivative of each image's energy by its own pixels; null if it was not asked for.</param>
public sealed class EnergyEvaluation(torch.Tensor energy, torch.Tensor terms, torch.Tensor? gradient) : IDisposable
{
    /// <summary>Shape (N): the weighted sum of the terms, one an image.</summary>
    public torch.Tensor Energy => energy;

    /// <summary>Shape (N, T): the unweighted terms.</summary>
    public torch.Tensor Terms => terms;

    /// <summary>Shape (N, C, H, W): derivative of each image's energy by its own pixels; null if it was not asked for.</summary>
    public torch.Tensor? Gradient => gradient;

    /// <inheritdoc/>
    public void Dispose()
    {
        Energy.Dispose();
        Terms.Dispose();
        Gradient?.Dispose();
    }
}
