using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <summary>Penalties on fields, one value an image; differentiable.</summary>
public static class Regularisers
{
    /// <summary>Mean |grad v|^2: mean over positions, summed over the two axes and the two components.</summary>
    /// <param name="field">Shape (N, 2, H, W), component 0 is x, in the library's unit, one sample a pixel.</param>
    /// <returns>Shape (N), no unit: a field that grows by one unit over one unit of length adds 1. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The field is not of shape (N, 2, H, W).</exception>
    /// <remarks>Differences are divided by the pixel size, so the value does not depend on the resolution.</remarks>
    public static torch.Tensor Smoothness(torch.Tensor field)
    {
        var grid = SamplingGrid.OfField(field, nameof(field));
        return Smoothness(field, grid.PixelSize, grid.PixelSize);
    }

    /// <summary>Mean |grad v|^2 of a field sampled on a lattice with spacings of its own.</summary>
    /// <param name="field">Shape (N, 2, h, w), component 0 is x, in the library's unit.</param>
    /// <param name="spacingX">Distance of neighbouring columns in the library's unit (<see cref="SamplingGrid.LatticeSpacing"/>).</param>
    /// <param name="spacingY">Distance of neighbouring rows.</param>
    /// <returns>Shape (N); the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The field is not of shape (N, 2, h, w).</exception>
    /// <exception cref="ArgumentOutOfRangeException">A spacing is not positive.</exception>
    public static torch.Tensor Smoothness(torch.Tensor field, double spacingX, double spacingY)
    {
        SamplingGrid.OfField(field, nameof(field));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(spacingX);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(spacingY);
        using var scope = torch.NewDisposeScope();
        var (alongX, alongY) = Differences(field);
        // The mean over all but the batch also divides by the two components; the factor 2 turns that back into their sum.
        return alongX.Squared().mean([1, 2, 3]).Times(2 / (spacingX * spacingX))
            .Plus(alongY.Squared().mean([1, 2, 3]).Times(2 / (spacingY * spacingY))).MoveToOuterDisposeScope();
    }

    /// <summary>Mean relu(-det J_phi) over all one-sided differences of phi(p) = p + u(p): how much the map folds.</summary>
    /// <param name="displacement">Shape (N, 2, H, W), component 0 is x, in the library's unit, one sample a pixel.</param>
    /// <returns>Shape (N), 0 for a map without folds; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The field is not of shape (N, 2, H, W).</exception>
    public static torch.Tensor Orientation(torch.Tensor displacement)
    {
        using var scope = torch.NewDisposeScope();
        return (-Determinants(displacement)).relu().mean([1, 2, 3]).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Determinants of the Jacobian of phi by all four combinations of one-sided differences, shape (N, 4, H-1, W-1): for each cell of
    /// four pixels the determinant at each of its corners, 1 for the identity.
    /// </summary>
    internal static torch.Tensor Determinants(torch.Tensor displacement)
    {
        var grid = SamplingGrid.OfField(displacement, nameof(displacement));
        using var scope = torch.NewDisposeScope();
        var (alongX, alongY) = Differences(grid.ToPixels(displacement));
        var (xx, yx) = (alongX.select(1, 0).Plus(1), alongX.select(1, 1));
        var (xy, yy) = (alongY.select(1, 0), alongY.select(1, 1).Plus(1));
        torch.Tensor Corner(int row, int column) =>
            (Rows(xx, row) * Columns(yy, column)) - (Rows(yx, row) * Columns(xy, column));
        return torch.stack([Corner(0, 0), Corner(0, 1), Corner(1, 0), Corner(1, 1)], 1).MoveToOuterDisposeScope();
    }

    /// <summary>Whether no determinant can be negative, from differences alone: all below half a pixel, (1 - m)^2 - m^2 > 0.</summary>
    internal static bool CannotFold(torch.Tensor displacement)
    {
        var grid = SamplingGrid.OfField(displacement, nameof(displacement));
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var (alongX, alongY) = Differences(displacement);
        return torch.maximum(alongX.abs().max(), alongY.abs().max()).item<float>() < 0.5 * grid.PixelSize;
    }

    private static (torch.Tensor AlongX, torch.Tensor AlongY) Differences(torch.Tensor field) =>
        (field.narrow(3, 1, field.size(3) - 1) - field.narrow(3, 0, field.size(3) - 1),
         field.narrow(2, 1, field.size(2) - 1) - field.narrow(2, 0, field.size(2) - 1));

    private static torch.Tensor Rows(torch.Tensor alongX, int first) => alongX.narrow(1, first, alongX.size(1) - 1);

    private static torch.Tensor Columns(torch.Tensor alongY, int first) => alongY.narrow(2, first, alongY.size(2) - 1);
}
