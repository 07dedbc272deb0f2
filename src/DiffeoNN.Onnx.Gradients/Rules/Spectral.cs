namespace DiffeoNN.Onnx.Gradients.Rules;

/// <summary>Fourier transforms. Complex numbers are pairs on the last axis; the gradient of a real sum has its real and imaginary parts there.</summary>
internal static class Spectral
{
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        new("DFT", SinceVersion: 17, Fourier) { NonDifferentiableInputs = [1, 2] },
        GradientRule.Expanded("STFT", SinceVersion: 17, ShortTime) with { NonDifferentiableInputs = [1, 3] },
    ];

    /// <summary>
    /// The transform Y = F X of length N has the adjoint F* = N F^-1, and the inverse one F / N: dX = N F^-1 dY, or F dY / N. Bins that
    /// were left out have no gradient, what was padded is cut off again, and a real signal takes the real part.
    /// </summary>
    private static Func<Value>[] Fourier(RuleContext n)
    {
        var inverse = n.Node.GetInt("inverse", 0) != 0;
        var onesided = n.Node.GetInt("onesided", 0) != 0;
        return
        [
            () =>
            {
                var axis = AxisOf(n);
                if (inverse && onesided)
                    return FromReal(n, axis);
                var length = n.Has(1) ? n.Input(1).Reshape(1) : n.X.Size(axis);
                var whole = Transform(n.dY, onesided ? length : null, axis, !inverse, false);
                var scaled = inverse ? Divided(whole, length) : Times(whole, length);
                return Fitted(n.Has(1) ? Fitted(scaled, axis, n.X) : scaled, n.X.Rank - 1, n.X);
            },
        ];
    }

    /// <summary>
    /// A real signal of length N from the bins k &lt;= N/2, which stand for their mirror images too: dX_k = w_k (F dY)_k / N, with w = 1 for
    /// the bins 0 and N/2 and 2 for all others.
    /// </summary>
    private static Value FromReal(RuleContext n, int axis)
    {
        var (length, count) = (n.dY.Size(axis), n.X.Size(axis));
        var k = count.Positions();
        long[] column = [-1, .. Enumerable.Repeat(1L, n.X.Rank - 1 - axis)];
        var fits = !n.Has(1) || (length.Facts.Integers is [var l] && count.Facts.Integers is [var c] && c == (l / 2) + 1);
        if (!fits)
        {
            var bins = Transform(n.dY, null, axis, false, false).Gather(n.Builder.Op("Mod", k, length), axis);
            return bins * Shares(n, k).Reshape(column);
        }

        Value Is(Value a, Value b) => n.Builder.Op("Equal", a, b).Cast(n.dY.ElementType);
        var single = Is(k, n.Builder.Integers(0)) + Is(n.Builder.Op("Mul", k, n.Builder.Integers(2)), length);
        return Divided(Transform(n.dY, null, axis, false, true) * (2 - single).Reshape(column), length);
    }

    /// <summary>
    /// w_k / N where the number of bins does not fit the length: the runtime then mirrors in its own way, so it is asked for the first
    /// element of the signal of every bin alone.
    /// </summary>
    private static Value Shares(RuleContext n, Value k)
    {
        var alone = n.Builder.Op("Equal", k.Unsqueeze(0), k.Unsqueeze(1)).Cast(n.dY.ElementType).Unsqueeze(2).Pad(0, 0, 0, 0, 0, 1);
        return Transform(alone, n.Input(1), 1, true, true).Slice(1, 0, 1);
    }

    private static int AxisOf(RuleContext n)
    {
        if (n.Builder.Opset < 20)
            return n.Axis(n.Node.GetInt("axis", 1), n.X.Rank);
        if (!n.Has(2))
            return n.X.Rank - 2;
        return n.Input(2).Facts.Integers is [var axis] ? n.Axis(axis, n.X.Rank) : throw n.Refuse("its axis is computed while the model runs.");
    }

    /// <summary>A transform of an axis, padded with zeros to a length where one is given.</summary>
    private static Value Transform(Value x, Value? length, int axis, bool inverse, bool onesided)
    {
        var builder = x.Builder;
        OnnxAttribute[] attributes = [OnnxAttribute.Of("inverse", inverse ? 1 : 0), OnnxAttribute.Of("onesided", onesided ? 1 : 0)];
        var scalar = length?.Reshape([]);
        return builder.Opset >= 20
            ? builder.Node("DFT", [x, scalar, builder.Scalar(axis, OnnxElementType.Int64)], 1, attributes)[0]
            : builder.Node("DFT", [x, scalar], 1, [.. attributes, OnnxAttribute.Of("axis", axis)])[0];
    }

    private static Value Times(Value x, Value count) => count.Facts.Integers is [var known] ? x * known : x * count.Cast(x.ElementType);

    private static Value Divided(Value x, Value count) => count.Facts.Integers is [var known] ? x / known : x / count.Cast(x.ElementType);

    /// <summary>Cuts an axis, or pads it with zeros, to the size it has in another value.</summary>
    private static Value Fitted(Value x, int axis, Value like)
    {
        var (builder, size) = (x.Builder, like.Size(axis));
        if (x.Shape![axis].Equals(like.Shape![axis]))
            return x;
        var cut = builder.Op("Slice", x, builder.Integers(0), size, builder.Integers(axis));
        if (x.Shape[axis].Size is { } from && like.Shape[axis].Size is { } to && from > to)
            return cut;
        var pads = new Value[] { builder.Integers(new long[x.Rank + axis]), builder.Op("Sub", size, cut.Size(axis)), builder.Integers(new long[x.Rank - 1 - axis]) };
        return builder.Op("Pad", cut, builder.Node("Concat", axis == x.Rank - 1 ? pads[..2] : pads, OnnxAttribute.Of("axis", 0))[0]);
    }

    /// <summary>Frames of the signal, one every step, times the window, transformed.</summary>
    private static Value[] ShortTime(RuleContext n)
    {
        var builder = n.Builder;
        var signal = n.X.Rank == 2 ? n.X.Unsqueeze(2) : n.X;
        var length = n.Has(2) ? n.Input(2).Size(0) : n.Has(3) ? n.Input(3).Reshape(1).Cast(OnnxElementType.Int64)
            : throw n.Refuse("it has neither a window nor a frame length.");
        var last = builder.Op("Sub", signal.Size(1), length);
        var starts = builder.Op("Range", builder.Scalar(0, OnnxElementType.Int64), builder.Op("Add", last, builder.Integers(1)).Reshape([]),
            n.Input(1).Reshape([]).Cast(OnnxElementType.Int64));
        var frames = signal.Gather(builder.Op("Add", starts.Unsqueeze(1), length.Positions()), 1);
        if (n.Has(2))
            frames *= n.Input(2).Unsqueeze(1);
        var onesided = n.Node.GetInt("onesided", 1) != 0;
        if (!onesided || signal.Shape![2].Size == 1)
            return [Transform(frames, null, 2, false, onesided)];
        // Of complex signals the transform has no half of its own.
        var bins = builder.Op("Add", builder.Op("Div", length, builder.Integers(2)), builder.Integers(1));
        return [builder.Op("Slice", Transform(frames, null, 2, false, false), builder.Integers(0), bins, builder.Integers(2))];
    }
}
