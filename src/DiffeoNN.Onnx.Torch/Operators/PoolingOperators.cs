using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Pooling over windows and over whole images.</summary>
internal static class PoolingOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("MaxPool", 16, MaxPool),
        new("MaxUnpool", 16, MaxUnpool),
        new("AveragePool", 16, AveragePool),
        new("LpPool", 16, LpPool),
        new("GlobalAveragePool", 16, n => Spatial(n) is { Length: > 0 } axes ? n.X.mean(axes, true) : n.X),
        new("GlobalMaxPool", 16, n => Spatial(n) is { Length: > 0 } axes ? n.X.amax(axes, true) : n.X),
        new("GlobalLpPool", 16,
            n => Norm(n.X, n.Int("p", 2), powers => Spatial(n) is { Length: > 0 } axes ? powers.sum(axes, true) : powers)),
    ];

    private static long[] Spatial(TorchNode n) => [.. Enumerable.Range(2, Math.Max(0, (int)n.X.dim() - 2)).Select(axis => (long)axis)];

    private static long[] Kernel(TorchNode n) => n.Ints("kernel_shape") ?? throw n.Refuse("lacks kernel_shape");

    private static IReadOnlyList<Tensor?> MaxPool(TorchNode n)
    {
        var window = TorchWindow.Of(n, Kernel(n));
        if (Empty(n, window) is { } empty)
            return [empty, n.Wants(1) ? empty.to(ScalarType.Int64) : null];
        // libtorch pools floating point numbers; these hold the 8-bit integers that ONNX allows.
        var x = window.Around(n.X.is_floating_point() ? n.X : n.X.to(ScalarType.Float32), double.NegativeInfinity);
        var none = new long[window.Rank];
        var (values, places) = window.Rank switch
        {
            1 => max_pool1d_with_indices(x, window.Kernel[0], window.Strides[0], 0, window.Dilations[0]),
            2 => max_pool2d_with_indices(x, window.Kernel, window.Strides, none, window.Dilations),
            3 => max_pool3d_with_indices(x, window.Kernel, window.Strides, none, window.Dilations),
            _ => throw n.Refuse($"has {window.Rank} spatial axes; libtorch pools over 1 to 3"),
        };
        return [values.to(n.X.dtype), n.Wants(1) ? Indices(n, window, places, x.shape[2..]) : null];
    }

    /// <summary>The output where no window fits: nothing, taken from the input so that its gradient is zero; null where one does.</summary>
    private static Tensor? Empty(TorchNode n, TorchWindow window) => window.Steps.Contains(0)
        ? n.X.reshape(-1).slice(0, 0, 0, 1).reshape([n.X.shape[0], n.X.shape[1], .. window.Steps]) : null;

    /// <summary>Places within each padded image as places within the whole input.</summary>
    private static Tensor Indices(TorchNode n, TorchWindow window, Tensor places, long[] padded)
    {
        var sizes = n.X.shape[2..];
        var isColumnMajor = n.Int("storage_order", 0) != 0;
        var result = places.FilledLike(0);
        var (inner, rest) = (1L, places);
        for (var i = window.Rank - 1; i >= 0; i--)
        {
            var along = rest.RemainderOf(padded[i]).PlusWhole(-window.Begin[i]);
            var factor = isColumnMajor ? sizes.Take(i).Aggregate(1L, (a, b) => a * b) : inner;
            result = result.Plus(along.TimesWhole(factor));
            rest = rest.div(tensor(padded[i], device: places.device), RoundingMode.floor);
            inner *= sizes[i];
        }

        var images = TensorArithmetic.Count(n.X.shape[0] * n.X.shape[1], places.device).TimesWhole(inner);
        return result.Plus(images.reshape([n.X.shape[0], n.X.shape[1], .. Enumerable.Repeat(1L, window.Rank)]));
    }

    /// <summary>Values at their places in an image of zeros. The places are those in the tensor that MaxPool would have read;
    /// a larger one is filled up.</summary>
    private static Tensor MaxUnpool(TorchNode n)
    {
        var rank = (int)n.X.dim() - 2;
        var window = TorchWindow.Transposed(n, Kernel(n), new long[rank]);
        long[] natural = [n.X.shape[0], n.X.shape[1], .. window.Steps];
        var wanted = n.Has(2) ? n.Integers(2) : natural;
        var count = wanted.Aggregate(1L, (a, b) => a * b);
        var empty = zeros([count], dtype: n.X.dtype, device: n.X.device);
        return empty.scatter(0, n.Input(1).reshape(-1), n.X.reshape(-1)).reshape(wanted);
    }

    private static Tensor AveragePool(TorchNode n)
    {
        var window = TorchWindow.Of(n, Kernel(n));
        // What padding less than 0 leaves out at the end is not averaged, even where a window reaches it.
        var x = n.X.Padded(2, new long[window.Rank], [.. window.End.Select(end => Math.Min(end, 0))], 0);
        return Empty(n, window) ?? window.Sums(x).div(window.Counts(n.X, n.Int("count_include_pad", 0) != 0));
    }

    private static Tensor LpPool(TorchNode n)
    {
        var window = TorchWindow.Of(n, Kernel(n));
        return Empty(n, window) ?? Norm(n.X, n.Int("p", 2), window.Sums);
    }

    /// <summary>(sum of |x|^p)^(1/p); with gradient 0 where all of x is 0, as the root's slope is infinite there.</summary>
    private static Tensor Norm(Tensor x, long p, Func<Tensor, Tensor> sum)
    {
        if (p == 1) return sum(x.abs());
        var powers = sum(p == 2 ? x.Squared() : x.abs().RaisedTo(p));
        var isZero = powers.eq(powers.FilledLike(0));
        var root = where(isZero, powers.FilledLike(1), powers).RaisedTo(1.0 / p);
        return where(isZero, powers.FilledLike(0), root);
    }
}
