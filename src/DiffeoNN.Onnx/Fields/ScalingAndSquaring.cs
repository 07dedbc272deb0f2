using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <summary>Exponential of stationary velocity fields: phi = exp(v), phi^-1 = exp(-v).</summary>
/// <remarks>u_0 = v / 2^K, u_{k+1}(p) = u_k(p) + u_k(p + u_k(p)); bilinear, clamped to the border outside the lattice.
/// Arsigny et al., MICCAI 2006.</remarks>
public static class ScalingAndSquaring
{
    /// <summary>Longest first step, in pixels, that <see cref="Squarings(torch.Tensor, int)"/> allows.</summary>
    public const double LargestStep = 0.5;

    /// <summary>Exponential of a batch with the same number of squarings for all; differentiable.</summary>
    /// <param name="velocity">Shape (N, 2, H, W), component 0 is x, in units of half the longest side, finite (not checked).</param>
    /// <param name="squarings">K >= 0; the field is first divided by 2^K.</param>
    /// <returns>Displacement, same shape and unit; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The field is not of shape (N, 2, H, W).</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="squarings"/> is negative.</exception>
    public static torch.Tensor Exp(torch.Tensor velocity, int squarings)
    {
        ArgumentNullException.ThrowIfNull(velocity);
        return Exp(velocity, [.. Enumerable.Repeat(squarings, (int)velocity.size(0))]);
    }

    /// <summary>Exponential of a batch, each field with its own number of squarings; differentiable.</summary>
    /// <param name="velocity">Shape (N, 2, H, W), component 0 is x, in units of half the longest side, finite (not checked).</param>
    /// <param name="squarings">One K >= 0 a field.</param>
    /// <returns>Displacement, same shape and unit; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The field is not of shape (N, 2, H, W), or the list is not of length N.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number of squarings is negative.</exception>
    public static torch.Tensor Exp(torch.Tensor velocity, IReadOnlyList<int> squarings)
    {
        var grid = SamplingGrid.OfField(velocity, nameof(velocity));
        ArgumentNullException.ThrowIfNull(squarings);
        if (squarings.Count != velocity.size(0))
        {
            throw new ArgumentException(
                $"{squarings.Count} numbers of squarings for {velocity.size(0)} fields; give one for each.", nameof(squarings));
        }

        if (squarings.Count == 0)
            return velocity.clone();
        var (least, most) = (squarings.Min(), squarings.Max());
        ArgumentOutOfRangeException.ThrowIfNegative(least, nameof(squarings));

        using var scope = torch.NewDisposeScope();
        var positions = grid.KernelPositions(velocity);
        var u = grid.ToKernelUnits(velocity) * Scales(squarings, velocity);
        for (var k = most; k > 0; k--)
        {
            var composed = u.Plus(Warp.Sample(u, u, positions, WarpPadding.Border, WarpInterpolation.Bilinear));
            // Fields that need fewer squarings than others of the batch wait at their own, larger, u_0.
            u = k <= least ? composed : torch.where(Mask(squarings, k, velocity.device), composed, u);
        }

        return grid.FromKernelUnits(u).MoveToOuterDisposeScope();
    }

    /// <summary>How many squarings each field of a batch needs: the fewest whose first step v / 2^K stays under half a pixel.</summary>
    /// <param name="velocity">Shape (N, 2, H, W), component 0 is x, in units of half the longest side.</param>
    /// <param name="minimum">At least this many, however slow the field is.</param>
    /// <returns>One K a field; it depends on that field only.</returns>
    /// <exception cref="ArgumentException">The field is not of shape (N, 2, H, W), or has a value that is not finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="minimum"/> is negative.</exception>
    public static int[] Squarings(torch.Tensor velocity, int minimum)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(minimum);
        return [.. FastestSpeeds(velocity).Select((speed, i) => double.IsFinite(speed)
            ? Squarings(speed, minimum)
            : throw new ArgumentException($"velocity {i} has a value that is not finite.", nameof(velocity)))];
    }

    /// <summary>Largest Euclidean length |v(p)| of each field, in pixels; NaN where a field holds NaN.</summary>
    internal static double[] FastestSpeeds(torch.Tensor velocity)
    {
        var grid = SamplingGrid.OfField(velocity, nameof(velocity));
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var fastest = velocity.Squared().sum(1).flatten(1).amax([1]).sqrt();
        return [.. grid.ToPixels(fastest).to_type(torch.ScalarType.Float64).cpu().data<double>()];
    }

    /// <summary>Smallest K >= minimum with speed / 2^K below half a pixel.</summary>
    internal static int Squarings(double speedInPixels, int minimum)
    {
        var squarings = minimum;
        while (Math.ScaleB(speedInPixels, -squarings) >= LargestStep)
            squarings++;
        return squarings;
    }

    private static torch.Tensor Scales(IReadOnlyList<int> squarings, torch.Tensor like) =>
        torch.tensor(squarings.Select(k => Math.ScaleB(1, -k)).ToArray(), like.dtype, like.device).view(-1, 1, 1, 1);

    private static torch.Tensor Mask(IReadOnlyList<int> squarings, int k, torch.Device device) =>
        torch.tensor(squarings.Select(own => own >= k).ToArray(), device: device).view(-1, 1, 1, 1);
}
