using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <summary>Values of images and fields at other places than their own pixels; corners stay aligned.</summary>
public static class Resample
{
    /// <summary>Resamples an image to another size, through a displacement if one is given.</summary>
    /// <param name="image">Shape (N, C, H, W).</param>
    /// <param name="displacement">u, (N, 2, h, w), of the image's size or any other, in the library's unit of its own size; null for
    /// none.</param>
    /// <param name="height">Rows of the result, at least 2.</param>
    /// <param name="width">Columns of the result, at least 2.</param>
    /// <param name="padding">What lies outside the image.</param>
    /// <returns>Shape (N, C, height, width): the value at p + u(p) for each pixel p of the result; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit each other.</exception>
    /// <remarks>The displacement is interpolated, not the warped image: its edges stay as sharp as the image allows.
    /// No low-pass filter.</remarks>
    public static torch.Tensor To(
        torch.Tensor image, torch.Tensor? displacement, int height, int width, WarpPadding padding = WarpPadding.Border)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var scope = torch.NewDisposeScope();
        var positions = new SamplingGrid(height, width).KernelPositions(image);
        if (displacement is null)
        {
            using var rest = torch.zeros([image.size(0), 2, 1, 1], image.dtype, image.device);
            return Warp.Sample(image, rest, positions, padding, WarpInterpolation.Bilinear).MoveToOuterDisposeScope();
        }

        var grid = GridOf(displacement, image);
        var kernel = grid.ToKernelUnits(displacement);
        if (grid.Height != height || grid.Width != width)
            kernel = torch.nn.functional.interpolate(kernel, [height, width], mode: torch.InterpolationMode.Bilinear, align_corners: true);
        return Warp.Sample(image, kernel, positions, padding, WarpInterpolation.Bilinear).MoveToOuterDisposeScope();
    }

    /// <summary>Some rows of what <see cref="To"/> gives, the same bits, without the memory of the others.</summary>
    /// <param name="image">Shape (N, C, H, W), float32.</param>
    /// <param name="displacement">u, (N, 2, h, w), of the image's size or any other, float32, in the library's unit of its own size; null
    /// for none.</param>
    /// <param name="height">Rows of the whole result, at least 2.</param>
    /// <param name="width">Columns of the result, at least 2.</param>
    /// <param name="first">The first row wanted.</param>
    /// <param name="count">How many rows, at least 1.</param>
    /// <param name="padding">What lies outside the image.</param>
    /// <returns>Shape (N, C, count, width); the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There are no such rows.</exception>
    public static torch.Tensor RowsTo(
        torch.Tensor image, torch.Tensor? displacement, int height, int width, int first, int count,
        WarpPadding padding = WarpPadding.Border)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, height - first);
        using var scope = torch.NewDisposeScope();
        var positions = new SamplingGrid(height, width).KernelPositions(image, first, count);
        if (displacement is null)
        {
            using var rest = torch.zeros([image.size(0), 2, 1, 1], image.dtype, image.device);
            return Warp.Sample(image, rest, positions, padding, WarpInterpolation.Bilinear).MoveToOuterDisposeScope();
        }

        var grid = GridOf(displacement, image);
        var kernel = grid.ToKernelUnits(displacement);
        var rows = grid.Height == height && grid.Width == width
            ? kernel.narrow(2, first, count)
            : EnlargedRows(kernel, height, width, first, count);
        return Warp.Sample(image, rows, positions, padding, WarpInterpolation.Bilinear).MoveToOuterDisposeScope();
    }

    /// <summary>Rows of libtorch's bilinear interpolation with aligned corners, in its arithmetic: single precision, and the first product
    /// of a sum of
    /// two fused with it.</summary>
    private static torch.Tensor EnlargedRows(torch.Tensor field, int height, int width, int first, int count)
    {
        var last = (int)field.size(2) - 1;
        var scale = height > 1 ? last / (float)(height - 1) : 0;
        long[] above = new long[count], below = new long[count];
        float[] ofAbove = new float[count], ofBelow = new float[count];
        for (var i = 0; i < count; i++)
        {
            var place = scale * (first + i);
            above[i] = Math.Min((int)place, last);
            below[i] = Math.Min(above[i] + 1, last);
            ofBelow[i] = Math.Clamp(place - above[i], 0, 1);
            ofAbove[i] = 1 - ofBelow[i];
        }

        return Enlarged(below).mul_(Column(ofBelow)).AddProductInPlace(Enlarged(above), Column(ofAbove), 1);

        torch.Tensor Enlarged(long[] rows)
        {
            var chosen = field.index_select(2, torch.tensor(rows, device: field.device));
            return torch.nn.functional.interpolate(chosen, [count, width], mode: torch.InterpolationMode.Bilinear, align_corners: true);
        }

        torch.Tensor Column(float[] weights) => torch.tensor(weights, device: field.device).view(1, 1, count, 1);
    }

    private static SamplingGrid GridOf(torch.Tensor displacement, torch.Tensor image)
    {
        var grid = SamplingGrid.OfField(displacement, nameof(displacement));
        if (image.dim() == 4 && displacement.size(0) == image.size(0)) return grid;
        throw new ArgumentException(
            $"displacement has shape {SamplingGrid.Shape(displacement)}, image {SamplingGrid.Shape(image)}; there must be one displacement "
            + "for each image.",
            nameof(displacement));
    }

    /// <summary>Values of a field at given points, bilinearly, clamped to the border.</summary>
    /// <param name="field">Shape (N, 2, H, W), component 0 is x, in the library's unit.</param>
    /// <param name="points">Shape (N, P, 2), each (x, y) in the library's unit.</param>
    /// <returns>Shape (N, P, 2); the caller disposes it.</returns>
    /// <exception cref="ArgumentException">A shape is wrong.</exception>
    public static torch.Tensor At(torch.Tensor field, torch.Tensor points)
    {
        var grid = SamplingGrid.OfField(field, nameof(field));
        ArgumentNullException.ThrowIfNull(points);
        if (points.dim() != 3 || points.size(2) != 2 || points.size(0) != field.size(0))
            throw new ArgumentException(
                $"points have shape {SamplingGrid.Shape(points)}; {field.size(0)} fields need ({field.size(0)}, P, 2).", nameof(points));
        using var scope = torch.NewDisposeScope();
        var planar = grid.ToKernelUnits(points.transpose(1, 2).unsqueeze(-1)); // (N, 2, P, 1)
        using var rest = torch.zeros_like(planar);
        return Warp.Sample(field, rest, planar, WarpPadding.Border, WarpInterpolation.Bilinear).squeeze(-1).transpose(1, 2).contiguous()
            .MoveToOuterDisposeScope();
    }
}
