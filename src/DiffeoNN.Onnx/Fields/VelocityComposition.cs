using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <summary>One velocity for two maps after another.</summary>
internal static class VelocityComposition
{
    /// <summary>v + w + [v, w] / 2 with [v, w] = J_v w - J_w v: its exponential is exp(v) after exp(w), p -> exp(v)(exp(w)(p)),
    /// up to terms of third order (Baker, Campbell, Hausdorff).</summary>
    /// <param name="first">v, shape (N, 2, h, w), component 0 is x, in the library's unit, corners on the image's.</param>
    /// <param name="second">w, same shape.</param>
    /// <param name="grid">The image's grid.</param>
    /// <returns>Same shape; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The shapes are wrong or differ.</exception>
    /// <remarks>Derivatives are central differences on the lattice, one-sided at its border.</remarks>
    public static torch.Tensor Compose(torch.Tensor first, torch.Tensor second, SamplingGrid grid)
    {
        var lattice = SamplingGrid.OfField(first, nameof(first));
        if (!first.shape.SequenceEqual(second.shape))
            throw new ArgumentException(
                $"second has shape {SamplingGrid.Shape(second)}, first {SamplingGrid.Shape(first)}; they must be the same.",
                nameof(second));
        using var scope = torch.NewDisposeScope();
        var (spacingX, spacingY) = grid.LatticeSpacing(lattice.Height, lattice.Width);
        torch.Tensor Along(torch.Tensor field, torch.Tensor direction) =>
            (Derivative(field, 3, spacingX) * direction.narrow(1, 0, 1)).Plus(Derivative(field, 2, spacingY) * direction.narrow(1, 1, 1));
        return first.Plus(second).AddInPlace(Along(first, second) - Along(second, first), 0.5).MoveToOuterDisposeScope();
    }

    private static torch.Tensor Derivative(torch.Tensor field, int dimension, double spacing)
    {
        var cells = field.size(dimension) - 1;
        var differences = (field.narrow(dimension, 1, cells) - field.narrow(dimension, 0, cells)).Times(1 / spacing);
        var central = differences.narrow(dimension, 0, cells - 1).Plus(differences.narrow(dimension, 1, cells - 1)).Times(0.5);
        return torch.cat([differences.narrow(dimension, 0, 1), central, differences.narrow(dimension, cells - 1, 1)], dimension);
    }
}
