using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Padding and cropping, axis by axis.</summary>
internal static class PaddingOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("Pad", 16, Pad),
        new("CenterCropPad", 18, CenterCropPad),
    ];

    private static Tensor Pad(TorchNode n)
    {
        var (pads, x, mode) = (n.Integers(1), n.X, n.Text("mode", "constant"));
        var axes = n.Has(3) ? n.Integers(3) : [.. Enumerable.Range(0, (int)x.dim()).Select(axis => (long)axis)];
        // Negative amounts crop, and they do so before anything is padded.
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = n.Axis(axes[i], x.dim());
            var (before, after) = (Math.Max(0, -pads[i]), Math.Max(0, -pads[i + axes.Length]));
            if (before + after > 0) x = x.narrow(axis, Math.Min(before, x.shape[axis]), Math.Max(0, x.shape[axis] - before - after));
        }

        var value = n.Has(2) ? n.Input(2).reshape([]).to(x.dtype) : zeros([], x.dtype, x.device);
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = n.Axis(axes[i], x.dim());
            var (before, after) = (Math.Max(0, pads[i]), Math.Max(0, pads[i + axes.Length]));
            if (before + after == 0) continue;
            x = mode == "constant"
                ? Framed(x, axis, before, after, value)
                : x.index_select(axis, Sources(n, mode, x.shape[axis], before, after));
        }

        return x;
    }

    private static Tensor Framed(Tensor x, int axis, long before, long after, Tensor value)
    {
        var parts = new List<Tensor> { x };
        if (before > 0) parts.Insert(0, value.expand(Resized(x.shape, axis, before)));
        if (after > 0) parts.Add(value.expand(Resized(x.shape, axis, after)));
        return cat(parts, axis);
    }

    private static long[] Resized(long[] shape, int axis, long size)
    {
        var result = (long[])shape.Clone();
        result[axis] = size;
        return result;
    }

    /// <summary>Which element of an axis each place of the padded axis shows.</summary>
    private static Tensor Sources(TorchNode n, string mode, long size, long before, long after)
    {
        if (size == 0) throw n.Refuse($"pads an axis without elements in mode '{mode}'");
        var places = TensorArithmetic.Count(before + size + after, n.Device).PlusWhole(-before);
        switch (mode)
        {
            case "edge": return places.BetweenWhole(0, size - 1);
            case "wrap": return places.RemainderOf(size);
            case "reflect" when size == 1: return zeros_like(places);
            case "reflect":
                var period = places.RemainderOf(2 * (size - 1));
                return minimum(period, period.neg().PlusWhole(2 * (size - 1)));
            default: throw n.Refuse($"pads in mode '{mode}', which is not known");
        }
    }

    /// <summary>The middle of each axis, or zeros around it; where a margin is odd the smaller part comes first.</summary>
    private static Tensor CenterCropPad(TorchNode n)
    {
        var (wanted, x) = (n.Integers(1), n.X);
        var axes = n.Ints("axes") ?? [.. Enumerable.Range(0, (int)x.dim()).Select(axis => (long)axis)];
        var zero = zeros([], x.dtype, x.device);
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = n.Axis(axes[i], x.dim());
            var missing = wanted[i] - x.shape[axis];
            if (missing < 0) x = x.narrow(axis, -missing / 2, wanted[i]);
            else if (missing > 0) x = Framed(x, axis, missing / 2, missing - (missing / 2), zero);
        }

        return x;
    }
}
