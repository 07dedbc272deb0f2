using DiffeoNN.Onnx.Energies;
using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>How well two energies agree on the same images.</summary>
/// <param name="Energy">Largest difference of energies, relative.</param>
/// <param name="Cosine">Cosine of the angle between the gradients.</param>
/// <param name="Gradient">Largest difference of gradients, relative to the largest entry.</param>
internal sealed record Agreement(double Energy, double Cosine, double Gradient)
{
    /// <summary>Whether both compute the same thing: the bars of the acceptance tests.</summary>
    public bool Holds => Energy <= 1e-4 && Cosine >= 0.99999 && Gradient <= 1e-4;

    public static Agreement Of(IEnergy expected, IEnergy actual, torch.Tensor images, torch.ScalarType expectedType)
    {
        using var scope = torch.NewDisposeScope();
        using var e = expected.Evaluate(images.to_type(expectedType));
        using var a = actual.Evaluate(images);
        torch.Tensor Double(torch.Tensor tensor) => tensor.to_type(torch.ScalarType.Float64).flatten();
        var (eG, aG) = (Double(e.Gradient!), Double(a.Gradient!));
        return new Agreement(
            ((Double(a.Energy) - Double(e.Energy)).abs() / Double(e.Energy).abs()).max().item<double>(),
            (eG.dot(aG) / (eG.norm() * aG.norm())).item<double>(),
            ((eG - aG).abs().max() / eG.abs().max()).item<double>());
    }
}
