using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <content>The grid as tensors: identity map, pixels, and the per-axis units of the resampling kernel.</content>
public readonly partial record struct SamplingGrid
{
    /// <summary>The grid of an image or field.</summary>
    /// <param name="tensor">At least two dimensions, the last two are height and width.</param>
    /// <returns>Its grid.</returns>
    /// <exception cref="ArgumentException">The tensor has fewer than two dimensions.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A side has fewer than two pixels.</exception>
    public static SamplingGrid Of(torch.Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.dim() < 2)
        {
            throw new ArgumentException(
                $"tensor has shape {Shape(tensor)}; a grid needs height and width as the last two dimensions.", nameof(tensor));
        }

        return new SamplingGrid((int)tensor.size(-2), (int)tensor.size(-1));
    }

    /// <summary>Positions of all pixels, the identity map phi(p) = p.</summary>
    /// <param name="type">Floating point type.</param>
    /// <param name="device">Where the tensor lives; the CPU if null.</param>
    /// <returns>Shape (1, 2, H, W), component 0 is x, in the library's unit; the caller disposes it.</returns>
    public torch.Tensor Positions(torch.ScalarType type = torch.ScalarType.Float32, torch.Device? device = null)
    {
        Runtime.LoadTorch();
        return Mesh(HalfWidth, HalfHeight, type, device);
    }

    /// <summary>Distances of neighbours of a coarser (or finer) lattice whose corners lie on this grid's corners.</summary>
    /// <param name="height">Rows of the lattice, at least 2.</param>
    /// <param name="width">Columns of the lattice, at least 2.</param>
    /// <returns>Spacing along x and along y, in the library's unit.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A side has fewer than two nodes.</exception>
    public (double X, double Y) LatticeSpacing(int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 2);
        return (2 * HalfWidth / (width - 1), 2 * HalfHeight / (height - 1));
    }

    /// <summary>Converts lengths from the library's unit to pixels.</summary>
    /// <param name="lengths">Any shape.</param>
    /// <returns>Same shape; the caller disposes it.</returns>
    public torch.Tensor ToPixels(torch.Tensor lengths) => lengths.Times(1 / PixelSize);

    /// <summary>Converts lengths from pixels to the library's unit.</summary>
    /// <param name="pixels">Any shape.</param>
    /// <returns>Same shape; the caller disposes it.</returns>
    public torch.Tensor FromPixels(torch.Tensor pixels) => pixels.Times(PixelSize);

    /// <summary>Refuses fields that are not of shape (N, 2, H, W).</summary>
    internal static SamplingGrid OfField(torch.Tensor field, string name)
    {
        ArgumentNullException.ThrowIfNull(field, name);
        if (field.dim() != 4 || field.size(1) != 2)
            throw new ArgumentException($"{name} has shape {Shape(field)}; a field needs (N, 2, height, width).", name);
        return Of(field);
    }

    /// <summary>As error messages print it: <c>(1, 2, 64, 64)</c>.</summary>
    internal static string Shape(torch.Tensor tensor) => $"({string.Join(", ", tensor.shape)})";

    /// <summary>Positions of all pixels in the resampling kernel's own units, where each axis spans [-1, 1]; shape (1, 2, H, W).</summary>
    internal torch.Tensor KernelPositions(torch.Tensor like) => Mesh(1, 1, like.dtype, like.device);

    /// <summary>Some rows of <see cref="KernelPositions(torch.Tensor)"/>; shape (1, 2, count, W).</summary>
    internal torch.Tensor KernelPositions(torch.Tensor like, int first, int count)
    {
        using var scope = torch.NewDisposeScope();
        var x = torch.linspace(-1, 1, Width, like.dtype, like.device).expand(count, Width);
        var y = torch.linspace(-1, 1, Height, like.dtype, like.device).narrow(0, first, count).unsqueeze(1).expand(count, Width);
        return torch.stack([x, y], 0).unsqueeze(0).MoveToOuterDisposeScope();
    }

    /// <summary>A field (N, 2, H, W) in the resampling kernel's units; the field itself where both axes have the same unit.</summary>
    internal torch.Tensor ToKernelUnits(torch.Tensor field) => Height == Width ? field : field / HalfExtents(field);

    /// <summary>The inverse of <see cref="ToKernelUnits"/>.</summary>
    internal torch.Tensor FromKernelUnits(torch.Tensor field) => Height == Width ? field : field * HalfExtents(field);

    private torch.Tensor HalfExtents(torch.Tensor like) =>
        torch.tensor(new[] { HalfWidth, HalfHeight }, like.dtype, like.device).view(1, 2, 1, 1);

    private torch.Tensor Mesh(double halfWidth, double halfHeight, torch.ScalarType type, torch.Device? device)
    {
        using var scope = torch.NewDisposeScope();
        var x = torch.linspace(-halfWidth, halfWidth, Width, type, device).expand(Height, Width);
        var y = torch.linspace(-halfHeight, halfHeight, Height, type, device).unsqueeze(1).expand(Height, Width);
        return torch.stack([x, y], 0).unsqueeze(0).MoveToOuterDisposeScope();
    }
}
