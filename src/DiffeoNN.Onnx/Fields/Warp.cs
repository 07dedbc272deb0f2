using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <summary>Resampling of images through a map, (g·x)(p) = x(p + u(p)).</summary>
public static class Warp
{
    /// <summary>Resamples a batch of images through a batch of displacements; differentiable in both.</summary>
    /// <param name="image">Shape (N, C, H, W).</param>
    /// <param name="displacement">Shape (N, 2, H, W), component 0 is x, in the library's unit; same type and device as the image, and
    /// finite (not checked: libtorch's backward kernel fails on positions that are no numbers).</param>
    /// <param name="padding">What lies outside the image.</param>
    /// <param name="interpolation">How values between pixels are found.</param>
    /// <returns>Shape of <paramref name="image"/>; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit each other.</exception>
    /// <remarks>Unit and corner convention are those of <see cref="SamplingGrid"/>. A displacement of whole pixels shifts the image
    /// exactly, up to rounding of the positions.</remarks>
    public static torch.Tensor Apply(
        torch.Tensor image,
        torch.Tensor displacement,
        WarpPadding padding = WarpPadding.Zeros,
        WarpInterpolation interpolation = WarpInterpolation.Bilinear)
    {
        ArgumentNullException.ThrowIfNull(image);
        var grid = SamplingGrid.OfField(displacement, nameof(displacement));
        if (image.dim() != 4 || image.size(0) != displacement.size(0) || image.size(2) != grid.Height || image.size(3) != grid.Width)
        {
            throw new ArgumentException(
                $"image has shape {SamplingGrid.Shape(image)} and displacement {SamplingGrid.Shape(displacement)}; "
                + "batch size, height and width must be the same (resample the displacement first).",
                nameof(image));
        }

        using var scope = torch.NewDisposeScope();
        return Sample(image, grid.ToKernelUnits(displacement), grid.KernelPositions(displacement), padding, interpolation)
            .MoveToOuterDisposeScope();
    }

    /// <summary>Resamples at kernel positions plus kernel displacement, both (., 2, H, W).</summary>
    internal static torch.Tensor Sample(
        torch.Tensor image, torch.Tensor displacement, torch.Tensor positions, WarpPadding padding, WarpInterpolation interpolation)
    {
        // The kernel wants components last; a permuted view keeps them planar in memory, which it reads just as fast.
        using var target = positions.Plus(displacement);
        using var view = target.permute(0, 2, 3, 1);
        return torch.nn.functional.grid_sample(image, view, Mode(interpolation), Mode(padding), align_corners: true);
    }

    private static torch.GridSampleMode Mode(WarpInterpolation interpolation) => interpolation switch
    {
        WarpInterpolation.Bilinear => torch.GridSampleMode.Bilinear,
        WarpInterpolation.Nearest => torch.GridSampleMode.Nearest,
        _ => throw new ArgumentOutOfRangeException(nameof(interpolation), interpolation, "Unknown interpolation."),
    };

    private static torch.GridSamplePaddingMode Mode(WarpPadding padding) => padding switch
    {
        WarpPadding.Zeros => torch.GridSamplePaddingMode.Zeros,
        WarpPadding.Border => torch.GridSamplePaddingMode.Border,
        WarpPadding.Reflection => torch.GridSamplePaddingMode.Reflection,
        _ => throw new ArgumentOutOfRangeException(nameof(padding), padding, "Unknown padding."),
    };
}
