using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Resizing, and sampling of images at given places.</summary>
internal static class ResamplingOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Resize", 16, Resize),
        new("GridSample", 16, GridSample),
        new("AffineGrid", 20, AffineGrid),
    ];

    /// <summary>The type that is computed in: 32 bits at least, 64 for integers that do not fit 32.</summary>
    private static ScalarType Wide(ScalarType type) => type switch
    {
        ScalarType.Float64 or ScalarType.Int32 or ScalarType.Int64 => ScalarType.Float64,
        _ => ScalarType.Float32,
    };

    private static Tensor Resize(TorchNode n)
    {
        var isNearest = n.Text("mode", "nearest") == "nearest";
        var result = isNearest ? n.X : n.X.to(Wide(n.X.dtype));
        Tensor? outside = null;
        foreach (var axis in ResizedAxis.Read(n).Where(axis => !axis.IsUntouched(n)))
        {
            var taps = axis.Taps(n);
            result = Apply(result, axis.Axis, taps);
            if (!taps.Any(t => t.Length == 0)) continue;
            var missing = tensor(Array.ConvertAll(taps, t => t.Length == 0), device: n.Device).reshape(Along(n, axis.Axis));
            outside = outside is null ? missing : outside.logical_or(missing);
        }

        if (outside is not null) result = where(outside, result.FilledLike(n.Float("extrapolation_value", 0)), result);
        return result.to(n.X.dtype);
    }

    private static long[] Along(TorchNode n, int axis) => [-1, .. Enumerable.Repeat(1L, (int)n.X.dim() - axis - 1)];

    /// <summary>The weighted sum of elements along an axis: the first elements of all lists at once, then the second ones.</summary>
    private static Tensor Apply(Tensor x, int axis, (int Place, double Weight)[][] taps)
    {
        Tensor? result = null;
        var count = Math.Max(1, taps.Select(t => t.Length).DefaultIfEmpty(0).Max());
        for (var k = 0; k < count; k++)
        {
            var part = x.index_select(axis, tensor(Array.ConvertAll(taps, t => k < t.Length ? (long)t[k].Place : 0), device: x.device));
            var weights = Array.ConvertAll(taps, t => k < t.Length ? t[k].Weight : 0);
            if (!Array.TrueForAll(weights, weight => weight == 1) && x.is_floating_point())
                part = part.mul(
                    tensor(weights, dtype: x.dtype, device: x.device).reshape([-1, .. Enumerable.Repeat(1L, (int)x.dim() - axis - 1)]));
            result = result is null ? part : result.Plus(part);
        }

        return result!;
    }

    /// <summary>libtorch's own, on which the operator is modelled, where there is one;
    /// else from the elements that each sample reads.</summary>
    private static Tensor GridSample(TorchNode n)
    {
        var type = promote_types(Wide(n.X.dtype), n.Input(1).dtype);
        var (x, grid) = (n.X.to(type), n.Input(1).to(type));
        var (rank, isAligned) = ((int)x.dim() - 2, n.Int("align_corners", 0) != 0);
        var mode = n.Text("mode", "linear") switch { "nearest" => "nearest", "cubic" or "bicubic" => "cubic", _ => "linear" };
        var outside = n.Text("padding_mode", "zeros");
        if (rank is 2 or 3 && mode != "cubic")
        {
            return grid_sample(x, grid, mode == "nearest" ? GridSampleMode.Nearest : GridSampleMode.Bilinear,
                outside switch
                {
                    "border" => GridSamplePaddingMode.Border,
                    "reflection" => GridSamplePaddingMode.Reflection,
                    _ => GridSamplePaddingMode.Zeros,
                },
                isAligned).to(n.X.dtype);
        }

        long[] shape = [x.shape[0], x.shape[1], .. grid.shape[1..^1]];
        TorchTap[][] axes = [.. Enumerable.Range(0, rank).Select(axis =>
        {
            // The grid's last axis counts the spatial axes from the last one.
            var (place, size) = (grid.select(-1, rank - 1 - axis).flatten(1), x.shape[axis + 2]);
            var element = isAligned ? place.Plus(1).Times((size - 1) / 2.0) : place.Plus(1).Times(size / 2.0).Plus(-0.5);
            return TorchTap.Of(element, size, mode, outside, isAligned);
        })];
        return TorchTap.Sample(x, axes).reshape(shape).to(n.X.dtype);
    }

    private static Tensor AffineGrid(TorchNode n) =>
        affine_grid(n.X.to(Wide(n.X.dtype)), n.Integers(1), n.Int("align_corners", 0) != 0).to(n.X.dtype);
}
