using TorchSharp;

namespace DiffeoNN.Onnx.Energies;

/// <summary>What canonicalisation minimises: how unlike the training images an image is.</summary>
public interface IEnergy
{
    /// <summary>Names of the terms, in the order of the columns of <see cref="EnergyEvaluation.Terms"/>.</summary>
    IReadOnlyList<string> TermNames { get; }

    /// <summary>Energies of a batch and their gradient.</summary>
    /// <param name="images">Shape (N, C, H, W), float32, in the range the energy networks were trained on; left untouched.</param>
    /// <param name="withGradient">Whether <see cref="EnergyEvaluation.Gradient"/> is wanted.</param>
    /// <param name="cancellationToken">Stops the run of the graph.</param>
    /// <returns>The caller disposes it.</returns>
    EnergyEvaluation Evaluate(torch.Tensor images, bool withGradient = true, CancellationToken cancellationToken = default);
}
