namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Fourier transforms. Complex numbers are pairs on the last axis;
/// the gradient of a real sum has its real and imaginary parts there.</summary>
internal static class Spectral
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("DFT",
            new(17, Fourier)
            {
                NonDifferentiableInputs = [1, 2],
                Limits = "From half a spectrum to a real signal of another length, the axis must be constant.",
            })
        {
            Takes = new(1, 3), InputNames = ["input", "dft_length", "axis"], Shapes = ShapeInference.Spectrum,
            Upgrades = [new(20, OpsetConverter.TransformAxis)],
        },
        new("STFT", GradientRule.Expanded(17, ShortTime) with { NonDifferentiableInputs = [1, 3] })
        {
            InputNames = ["signal", "frame_step", "window", "frame_length"], Shapes = ShapeInference.Spectrogram,
        },
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
                var axis = TransformedAxis.Of(n);
                if (inverse && onesided)
                    return FromReal(n, axis);
                var length = n.Has(1) ? n.Input(1).Reshape(1) : axis.SizeOf(n.X);
                var whole = axis.Transform(n.dY, onesided ? length : null, !inverse, false);
                var scaled = inverse ? Divided(whole, length) : Times(whole, length);
                return TransformedAxis.At(n.X.Rank - 1).Fitted(n.Has(1) ? axis.Fitted(scaled, n.X) : scaled, n.X);
            },
        ];
    }

    /// <summary>
    /// A real signal of length N from the bins k &lt;= N/2, which stand for their mirror images too:
    /// dX_k = w_k (F dY)_k / N, with w = 1 for the bins 0 and N/2 and 2 for all others.
    /// </summary>
    private static Value FromReal(RuleContext n, TransformedAxis axis)
    {
        var (length, count) = (axis.SizeOf(n.dY), axis.SizeOf(n.X));
        var k = count.Positions();
        var column = axis.Column(n.X);
        var fits = !n.Has(1) || (length.Facts.Integers is [var l] && count.Facts.Integers is [var c] && c == (l / 2) + 1);
        if (!fits)
        {
            var at = axis.Known
                ?? throw n.Refuse("its axis is computed while the model runs, and its length may not fit the number of bins.");
            return axis.Transform(n.dY, null, false, false).Gather(n.Builder.Op("Mod", k, length), at) * Shares(n, k).Reshape(column);
        }

        Value Is(Value a, Value b) => n.Builder.Op("Equal", a, b).Cast(n.dY.ElementType);
        var single = Is(k, n.Builder.Integers(0)) + Is(n.Builder.Op("Mul", k, n.Builder.Integers(2)), length);
        return Divided(axis.Transform(n.dY, null, false, true) * (2 - single).Reshape(column), length);
    }

    /// <summary>
    /// w_k / N where the number of bins does not fit the length: the runtime then mirrors in its own way, so it is asked for the first
    /// element of the signal of every bin alone.
    /// </summary>
    private static Value Shares(RuleContext n, Value k)
    {
        var alone = n.Builder.Op("Equal", k.Unsqueeze(0), k.Unsqueeze(1)).Cast(n.dY.ElementType).Unsqueeze(2).Pad(0, 0, 0, 0, 0, 1);
        return TransformedAxis.At(1).Transform(alone, n.Input(1), true, true).Slice(1, 0, 1);
    }

    private static Value Times(Value x, Value count) => count.Facts.Integers is [var known] ? x * known : x * count.Cast(x.ElementType);

    private static Value Divided(Value x, Value count) => count.Facts.Integers is [var known] ? x / known : x / count.Cast(x.ElementType);

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
            return [TransformedAxis.At(2).Transform(frames, null, false, onesided)];
        // Of complex signals the transform has no half of its own.
        var bins = builder.Op("Add", builder.Op("Div", length, builder.Integers(2)), builder.Integers(1));
        return [builder.Op("Slice", TransformedAxis.At(2).Transform(frames, null, false, false), builder.Integers(0), bins,
            builder.Integers(2))];
    }
}
