using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <summary>Carries fields from a coarse lattice to an image's grid, and gradients back.</summary>
/// <remarks>Both directions are two small matrix products, separable in y and x: cheaper than a general resampling kernel, and
/// deterministic on every device.</remarks>
public sealed class LatticeUpsampling : IDisposable
{
    private readonly torch.Tensor _rows;
    private readonly torch.Tensor _columnsTransposed;

    /// <summary>Prepares the carrying matrices.</summary>
    /// <param name="height">Rows of the lattice, at least 2.</param>
    /// <param name="width">Columns of the lattice, at least 2.</param>
    /// <param name="grid">Where to.</param>
    /// <param name="basis">How.</param>
    /// <param name="type">Type of the fields.</param>
    /// <param name="device">Device of the fields; the CPU if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side has fewer than two nodes.</exception>
    public LatticeUpsampling(
        int height,
        int width,
        SamplingGrid grid,
        LatticeBasis basis = LatticeBasis.Linear,
        torch.ScalarType type = torch.ScalarType.Float32,
        torch.Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 2);
        (Height, Width, Grid) = (height, width, grid);
        Runtime.LoadTorch();
        using var scope = torch.NewDisposeScope();
        _rows = torch.tensor(Weights(height, grid.Height, basis), type, device).DetachFromDisposeScope();
        _columnsTransposed = torch.tensor(Weights(width, grid.Width, basis), type, device).t().contiguous().DetachFromDisposeScope();
    }

    /// <summary>Rows of the lattice.</summary>
    public int Height { get; }

    /// <summary>Columns of the lattice.</summary>
    public int Width { get; }

    /// <summary>The grid fields are carried to.</summary>
    public SamplingGrid Grid { get; }

    /// <summary>Carries a field to the grid; values keep their unit.</summary>
    /// <param name="field">Shape (N, 2, h, w).</param>
    /// <param name="grid">Where to; about the aspect ratio of the field, since both share the unit of their longest side.</param>
    /// <param name="basis">How.</param>
    /// <returns>Shape (N, 2, H, W); the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The field is not of shape (N, 2, h, w).</exception>
    public static torch.Tensor Resample(torch.Tensor field, SamplingGrid grid, LatticeBasis basis = LatticeBasis.Linear)
    {
        var lattice = SamplingGrid.OfField(field, nameof(field));
        using var upsampling = new LatticeUpsampling(lattice.Height, lattice.Width, grid, basis, field.dtype, field.device);
        return upsampling.Apply(field);
    }

    /// <summary>Carries a field to the grid; differentiable.</summary>
    /// <param name="lattice">Shape (N, 2, h, w).</param>
    /// <returns>Shape (N, 2, H, W); the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The lattice is of another size.</exception>
    public torch.Tensor Apply(torch.Tensor lattice)
    {
        Check(lattice, Height, Width, nameof(lattice));
        using var tall = _rows.matmul(lattice);
        return tall.matmul(_columnsTransposed);
    }

    /// <summary>The transposed operation: carries a derivative by the field on the grid to one by the lattice's values.</summary>
    /// <param name="gradient">Shape (N, 2, H, W).</param>
    /// <returns>Shape (N, 2, h, w); the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The gradient is of another size than the grid.</exception>
    public torch.Tensor ApplyTransposed(torch.Tensor gradient)
    {
        Check(gradient, Grid.Height, Grid.Width, nameof(gradient));
        using var scope = torch.NewDisposeScope();
        return gradient.matmul(_columnsTransposed.t()).transpose(2, 3).matmul(_rows).transpose(2, 3).contiguous().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rows.Dispose();
        _columnsTransposed.Dispose();
    }

    private static void Check(torch.Tensor field, int height, int width, string name)
    {
        ArgumentNullException.ThrowIfNull(field, name);
        if (field.dim() != 4 || field.size(2) != height || field.size(3) != width)
            throw new ArgumentException($"{name} has shape {SamplingGrid.Shape(field)}; expected (N, 2, {height}, {width}).", name);
    }

    /// <summary>Weight of each node (column) at each pixel (row) along one axis.</summary>
    internal static double[,] Weights(int nodes, int pixels, LatticeBasis basis)
    {
        var weights = new double[pixels, nodes];
        for (var pixel = 0; pixel < pixels; pixel++)
        {
            var position = pixel * (nodes - 1) / (double)(pixels - 1);
            var cell = Math.Min((int)position, nodes - 2);
            var t = position - cell;
            double[] local = basis == LatticeBasis.Linear
                ? [0, 1 - t, t, 0]
                :
                [
                    (1 - t) * (1 - t) * (1 - t) / 6,
                    ((3 * t * t * t) - (6 * t * t) + 4) / 6,
                    ((-3 * t * t * t) + (3 * t * t) + (3 * t) + 1) / 6,
                    t * t * t / 6,
                ];
            for (var k = 0; k < local.Length; k++)
                Add(weights, pixel, cell - 1 + k, nodes, local[k]);
        }

        return weights;
    }

    private static void Add(double[,] weights, int pixel, int node, int nodes, double weight)
    {
        // Control points just beyond the border continue the lattice linearly: c(-1) = 2 c(0) - c(1).
        var inside = Math.Clamp(node, 0, nodes - 1);
        if (inside == node)
        {
            weights[pixel, node] += weight;
            return;
        }

        weights[pixel, inside] += 2 * weight;
        weights[pixel, (2 * inside) - node] -= weight;
    }
}
