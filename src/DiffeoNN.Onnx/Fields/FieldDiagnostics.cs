using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <summary>How regular a map and how exact its inverse are.</summary>
/// <param name="MinimumDeterminant">Smallest Jacobian determinant over all one-sided differences: 1 for the identity, negative for
/// folds.</param>
/// <param name="MaximumDeterminant">Largest Jacobian determinant over all one-sided differences.</param>
/// <param name="FoldedFraction">Share of those determinants that are not positive, in [0, 1].</param>
/// <param name="InverseResidualMaximum">Largest |phi(phi^-1(p)) - p| in pixels, over the p whose phi^-1(p) stays inside the image.</param>
/// <param name="InverseResidualMean">Mean of the same.</param>
/// <param name="InverseMinimumDeterminant">Smallest Jacobian determinant of phi^-1 over all one-sided differences.</param>
/// <param name="InverseFoldedFraction">Share of those determinants that are not positive, in [0, 1].</param>
/// <remarks>One-sided differences at the corners of a cell of four pixels are the derivatives of the bilinear map of that cell at its
/// corners, and the determinant of a bilinear map is largest and smallest at corners:
/// where all are positive, the field folds nowhere, however finely it is sampled.</remarks>
public readonly record struct FieldDiagnostics(
    double MinimumDeterminant,
    double MaximumDeterminant,
    double FoldedFraction,
    double InverseResidualMaximum,
    double InverseResidualMean,
    double InverseMinimumDeterminant,
    double InverseFoldedFraction)
{
    /// <summary>Those of the identity.</summary>
    internal static FieldDiagnostics Identity { get; } = new(1, 1, 0, 0, 0, 1, 0);

    /// <summary>Measures a batch of maps.</summary>
    /// <param name="displacement">u with phi(p) = p + u(p), shape (N, 2, H, W), component 0 is x, in the library's unit.</param>
    /// <param name="inverse">The displacement of phi^-1, same shape.</param>
    /// <returns>One record a map.</returns>
    /// <exception cref="ArgumentException">The shapes are wrong or differ.</exception>
    /// <remarks>Where phi^-1(p) leaves the image u is unknown, and a residual would measure the padding; such p are left out (all are
    /// counted, with u clamped to the border, if none stays inside).</remarks>
    public static IReadOnlyList<FieldDiagnostics> Measure(torch.Tensor displacement, torch.Tensor inverse)
    {
        var grid = SamplingGrid.OfField(displacement, nameof(displacement));
        SamplingGrid.OfField(inverse, nameof(inverse));
        if (!displacement.shape.SequenceEqual(inverse.shape))
        {
            throw new ArgumentException(
                $"inverse has shape {SamplingGrid.Shape(inverse)}, displacement {SamplingGrid.Shape(displacement)}; they must be the same.",
                nameof(inverse));
        }

        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var determinants = Regularisers.Determinants(displacement).flatten(1);
        var inverseDeterminants = Regularisers.Determinants(inverse).flatten(1);
        var (largest, mean) = InverseResiduals(grid, displacement, inverse);
        double[] Host(torch.Tensor values) => [.. values.to_type(torch.ScalarType.Float64).cpu().data<double>()];
        var columns = new[]
        {
            determinants.amin([1]), determinants.amax([1]), Folded(determinants), largest, mean, inverseDeterminants.amin([1]),
            Folded(inverseDeterminants),
        }.Select(Host).ToArray();
        return [.. Enumerable.Range(0, (int)displacement.size(0)).Select(i => new FieldDiagnostics(
            columns[0][i], columns[1][i], columns[2][i], columns[3][i], columns[4][i], columns[5][i], columns[6][i]))];
    }

    private static torch.Tensor Folded(torch.Tensor determinants) => determinants.AtMost(0).to_type(torch.ScalarType.Float64).mean([1]);

    private static (torch.Tensor Largest, torch.Tensor Mean) InverseResiduals(SamplingGrid grid, torch.Tensor u, torch.Tensor inverse)
    {
        var residual = grid.ToPixels(inverse.Plus(Warp.Apply(u, inverse, WarpPadding.Border))).Squared().sum(1).sqrt().flatten(1);
        // The tolerance keeps border points of an identity map, whose positions carry rounding errors.
        var inside = grid.KernelPositions(u).Plus(grid.ToKernelUnits(inverse)).abs().AtMost(1 + 1e-6).all(1).flatten(1);
        var none = inside.any(1, keepdim: true).logical_not();
        var counted = inside.logical_or(none).to_type(residual.dtype);
        return ((residual * counted).amax([1]), (residual * counted).sum(1) / counted.sum(1));
    }
}
