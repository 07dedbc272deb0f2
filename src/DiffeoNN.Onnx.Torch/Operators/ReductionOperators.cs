using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Reductions over axes, and running sums and products.</summary>
internal static class ReductionOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        Reduction("ReduceSum", Sum),
        Reduction("ReduceMean", Mean),
        Reduction("ReduceProd", Product),
        Reduction("ReduceMax", (x, axes) => Extreme(x, axes, largest: true)),
        Reduction("ReduceMin", (x, axes) => Extreme(x, axes, largest: false)),
        Reduction("ReduceL1", (x, axes) => Sum(x.abs(), axes)),
        Reduction("ReduceL2", Norm),
        Reduction("ReduceSumSquare", (x, axes) => Sum(x.Squared(), axes)),
        Reduction("ReduceLogSum", (x, axes) => InFloat(x, y => Sum(y, axes).log())),
        Reduction("ReduceLogSumExp", (x, axes) => InFloat(x, y => LogSumExp(y, axes))),
        new("CumSum", 16, n => Running(n, (x, axis) => x.cumsum(axis, x.dtype), 0)),
        new("CumProd", 26, n => Running(n, (x, axis) => x.cumprod(axis, x.dtype), 1)),
    ];

    /// <summary>A row whose function gets the reduced axes, at least one, in ascending order, and keeps them with size 1.</summary>
    private static TorchOperator Reduction(string opType, Func<Tensor, long[], Tensor> reduce) => new(opType, 16, n =>
    {
        var given = n.IntegersOf("axes", 1) ?? [];
        var rank = (int)n.X.dim();
        // Over no axes at all, which is as over one more axis of size 1: roots and logarithms are taken all the same.
        if ((given.Length == 0 && n.Int("noop_with_empty_axes", 0) != 0) || rank == 0) return reduce(n.X.unsqueeze(-1), [rank]).squeeze(-1);
        long[] axes = given.Length == 0
            ? [.. Enumerable.Range(0, rank).Select(axis => (long)axis)]
            : [.. given.Select(axis => (long)n.Axis(axis, rank)).Distinct().Order()];
        var kept = reduce(n.X, axes);
        return n.Int("keepdims", 1) != 0 ? kept : kept.reshape([.. kept.shape.Where((_, axis) => !axes.Contains(axis))]);
    });

    private static Tensor Sum(Tensor x, long[] axes) => x.sum(axes, keepdim: true, type: x.dtype);

    /// <summary>The quotient of integers is cut off, as in ONNX Runtime.</summary>
    private static Tensor Mean(Tensor x, long[] axes)
    {
        if (x.is_floating_point()) return x.mean(axes, keepdim: true);
        var count = axes.Aggregate(1L, (all, axis) => all * x.shape[axis]);
        return x.sum(axes, keepdim: true, type: ScalarType.Int64).div(tensor(count).to(x.device), RoundingMode.trunc).to(x.dtype);
    }

    private static Tensor Product(Tensor x, long[] axes) =>
        axes.Aggregate(x, (product, axis) => product.prod(axis, keepdim: true, type: x.dtype));

    /// <summary>Of no elements: the least or greatest number there is.</summary>
    private static Tensor Extreme(Tensor x, long[] axes, bool largest)
    {
        if (x.dtype == ScalarType.Bool) return Extreme(x.to(ScalarType.Byte), axes, largest).to(ScalarType.Bool);
        if (axes.All(axis => x.shape[axis] > 0)) return largest ? x.amax(axes, keepdim: true) : x.amin(axes, keepdim: true);
        long[] shape = [.. x.shape.Select((size, axis) => axes.Contains(axis) ? 1 : size)];
        if (x.is_floating_point())
            return TensorArithmetic.Filled(shape, largest ? double.NegativeInfinity : double.PositiveInfinity, x.dtype, x.device);
        var (low, high) = x.dtype switch
        {
            ScalarType.Byte => (0L, 255L),
            ScalarType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
            ScalarType.Int16 => (short.MinValue, short.MaxValue),
            ScalarType.Int32 => (int.MinValue, int.MaxValue),
            _ => (long.MinValue, long.MaxValue),
        };
        return tensor(largest ? low : high).to(x.dtype).to(x.device).expand(shape);
    }

    /// <summary>The root of the sum of squares; at zero its gradient is zero.</summary>
    private static Tensor Norm(Tensor x, long[] axes) => InFloat(x, y =>
    {
        var squares = Sum(y.Squared(), axes);
        var isZero = squares.AtMost(0);
        return where(isZero, zeros_like(squares), where(isZero, ones_like(squares), squares).sqrt());
    });

    /// <summary>The largest element is taken out first, so that nothing overflows.</summary>
    private static Tensor LogSumExp(Tensor x, long[] axes)
    {
        var top = Extreme(x.detach(), axes, largest: true);
        top = where(top.isfinite(), top, zeros_like(top));
        return Sum(x.Minus(top).exp(), axes).log().Plus(top);
    }

    /// <summary>Integers by way of float64.</summary>
    private static Tensor InFloat(Tensor x, Func<Tensor, Tensor> function) =>
        x.is_floating_point() ? function(x) : function(x.to(ScalarType.Float64)).to(x.dtype);

    private static Tensor Running(TorchNode n, Func<Tensor, long, Tensor> running, double neutral)
    {
        var axis = n.Axis(n.Integers(1)[0], n.X.dim());
        var reversed = n.Int("reverse", 0) != 0;
        var x = reversed ? n.X.flip(axis) : n.X;
        if (n.Int("exclusive", 0) != 0 && x.shape[axis] > 0)
        {
            var head = x.narrow(axis, 0, 1).detach().FilledLike(neutral);
            x = cat([head, x.narrow(axis, 0, x.shape[axis] - 1)], axis);
        }

        x = running(x, axis);
        return reversed ? x.flip(axis) : x;
    }
}
