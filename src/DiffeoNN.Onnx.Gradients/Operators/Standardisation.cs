namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Normalisations by the statistics of their own input.</summary>
internal static class Standardisation
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("InstanceNormalization", new(7, Instance))
        {
            Takes = new(3, 3), InputNames = ["input", "scale", "B"], Ranks = ["3+", "1", "1"], Check = ShapeChecks.Channels,
            Shapes = ShapeInference.Same,
        },
        new("GroupNormalization")
        {
            Gradients = [new(18, GroupScaled), new(21, Group)], Takes = new(3, 3), InputNames = ["X", "scale", "bias"],
            Ranks = ["2+", "1", "1", "1", "1"],
            Attributes = [new("num_groups") { IsRequired = true, Since = 18 }], Shapes = ShapeInference.Same,
            Upgrades = [new(21, OpsetConverter.ChannelScales)],
        },
        new("LayerNormalization", new(17, Layer))
        {
            Takes = new(2, 3), InputNames = ["X", "Scale", "B"], Ranks = ["1+"], Check = ShapeChecks.LayerNormalization,
            Shapes = ShapeInference.LayerNormalization,
        },
        new("RMSNormalization", new(23, RootMeanSquare))
        {
            Takes = new(2, 2), InputNames = ["X", "scale"], Shapes = ShapeInference.TypeOfSecond,
        },
        new("LpNormalization", new(7, Norm))
        {
            Takes = new(1, 1), Ranks = ["1+"],
            Attributes = [new("p", OnnxAttributeKind.Int)], Shapes = ShapeInference.Same,
        },
        new("MeanVarianceNormalization", new(9, MeanVariance)) { Takes = new(1, 1), Shapes = ShapeInference.Same },
    ];

    /// <summary>A value less its mean over axes, and what its standard deviation makes of it.</summary>
    /// <param name="Centred">x - mean.</param>
    /// <param name="Factor">1 / sqrt(variance + epsilon), with the axes kept.</param>
    /// <param name="Axes">The axes.</param>
    internal sealed record Standardised(Value Centred, Value Factor, long[] Axes)
    {
        /// <summary>x̂ = (x - mean) * factor.</summary>
        public Value Normalised => Centred * Factor;

        public static Standardised Of(Value x, long[] axes, double epsilon)
        {
            var centred = x - x.Mean(axes);
            return new Standardised(centred, 1.0 / ((centred * centred).Mean(axes) + epsilon).Apply("Sqrt"), axes);
        }

        /// <summary>
        /// With g = dY * scale: dx = factor * (g - mean g) - factor^3 * (x - mean) * mean(g * (x - mean)).
        /// </summary>
        /// <param name="dY">Gradient of x̂ * scale.</param>
        /// <param name="scale">Constant along the axes, so that only the small factors meet it; null for 1.</param>
        public Value Back(Value dY, Value? scale = null)
        {
            var factor = scale is null ? Factor : Factor * scale;
            var slope = factor * Factor * Factor * (dY * Centred).Mean(Axes);
            return (dY * factor) - (Centred * slope) - (factor * dY.Mean(Axes));
        }
    }

    /// <summary>A value divided by the number of elements that each of its elements was formed from.</summary>
    internal static Value PerElement(Value value, Value x, ReadOnlySpan<long> axes)
    {
        var count = Dim.One;
        foreach (var axis in axes)
            count *= x.Shape![axis];
        return count.Size is { } size
            ? value / size
            : value / axes.ToArray().Select(a => x.Size((int)a)).Aggregate((a, b) => a * b).Cast(value.ElementType);
    }

    /// <summary>Statistics of 16-bit values are formed in float32, as the operators prescribe.</summary>
    private static Value Wide(RuleContext n, Value value) =>
        value.ElementType is OnnxElementType.Float16 or OnnxElementType.BFloat16 && n.Node.GetInt("stash_type", 1) == 1
            ? value.Cast(OnnxElementType.Float) : value;

    private static long[] Range(int start, int count) => count <= 0 ? [] : [.. Enumerable.Range(start, count).Select(a => (long)a)];

    private static Func<Value>[] Instance(RuleContext n)
    {
        var rank = n.X.Rank;
        var (inner, spatial) = (Range(1, rank - 2), Range(2, rank - 2));
        var x = Standardised.Of(n.X, spatial, n.Node.GetFloat("epsilon", 1e-5f));
        return
        [
            () => x.Back(n.dY, n.Input(1).Unsqueeze(inner)),
            () => (n.dY * x.Normalised).Sum([0, .. spatial], keep: false),
            () => n.dY.Sum([0, .. spatial], keep: false),
        ];
    }

    /// <summary>Each group of channels is one vector; scale and bias belong to channels.</summary>
    private static Func<Value>[] Group(RuleContext n)
    {
        var rank = n.X.Rank;
        var (inner, others) = (Range(1, rank - 2), (long[])[0, .. Range(2, rank - 2)]);
        var (x, dY) = (Groups(n, out var original), n.dY.Cast(original.ElementType));
        return
        [
            () => x.Back((dY * n.Input(1).Cast(original.ElementType).Unsqueeze(inner)).ReshapeLike(x.Normalised)).ReshapeLike(n.X)
                .Cast(n.X.ElementType),
            () => (dY * x.Normalised.ReshapeLike(n.X)).Sum(others, keep: false).Cast(n.X.ElementType),
            () => n.dY.Sum(others, keep: false),
        ];
    }

    /// <summary>Until version 20 scale and bias belonged to groups.</summary>
    private static Func<Value>[] GroupScaled(RuleContext n)
    {
        var x = Groups(n, out var original);
        var dY = n.dY.Cast(original.ElementType).ReshapeLike(x.Normalised);
        return
        [
            () => x.Back(dY, n.Input(1).Cast(original.ElementType).Unsqueeze(1)).ReshapeLike(n.X).Cast(n.X.ElementType),
            () => (dY * x.Normalised).Sum([0, 2], keep: false).Cast(n.X.ElementType),
            () => dY.Sum([0, 2], keep: false).Cast(n.X.ElementType),
        ];
    }

    private static Standardised Groups(RuleContext n, out Value original)
    {
        original = Wide(n, n.X);
        var groups = n.Node.GetInt("num_groups", 1);
        var width = n.X.Shape!.Skip(1).Aggregate(Dim.One, (a, b) => a * b).Size / groups;
        var flat = width is { } known
            ? original.Reshape(-1, groups, known)
            : n.Builder.Op("Reshape", original, n.Builder.Integers(0, groups, -1));
        return Standardised.Of(flat, [2], n.Node.GetFloat("epsilon", 1e-5f));
    }

    /// <summary>
    /// Y = x̂ * scale + B; with the outputs Mean and InvStdDev = factor also
    /// dX += (dMean - dInvStdDev * factor^2 * x̂) / n.
    /// </summary>
    internal static Func<Value>[] Layer(RuleContext n)
    {
        var (x, axes) = (Wide(n, n.X), Trailing(n));
        var epsilon = n.Node.GetFloat("epsilon", 1e-5f);
        // The forward kernel has formed the statistics already; other types than float32 it would round.
        var s = n.X.ElementType == OnnxElementType.Float && n.Node.GetInt("stash_type", 1) == 1
            ? new Standardised(x - n.Output(1), n.Output(2), axes) : Standardised.Of(x, axes, epsilon);
        Value Own(int input) => n.Input(input).Cast(x.ElementType);
        return
        [
            () =>
            {
                var gradient = n.HasGradient(0) ? s.Back(n.dY.Cast(x.ElementType) * Own(1)) : null;
                var extra = n.HasGradient(1) ? n.Gradient(1).Cast(x.ElementType) : null;
                if (n.HasGradient(2))
                {
                    var deviation = -(n.Gradient(2).Cast(x.ElementType) * s.Factor * s.Factor * s.Normalised);
                    extra = extra is null ? deviation : extra + deviation;
                }

                var share = extra is null ? null : PerElement(extra, x, axes);
                return (gradient is null ? share!.ExpandLike(n.X) : share is null ? gradient : gradient + share).Cast(n.X.ElementType);
            },
            () => BroadcastReversal.ReduceTo(n.dY.Cast(x.ElementType) * s.Normalised, n.Input(1)).Cast(n.X.ElementType),
            () => BroadcastReversal.ReduceTo(n.dY, n.Input(2)),
        ];
    }

    /// <summary>Axes from the attribute on.</summary>
    private static long[] Trailing(RuleContext n)
    {
        var axis = n.Axis(n.Node.GetInt("axis", -1), n.X.Rank);
        return Range(axis, n.X.Rank - axis);
    }

    /// <summary>Y = x̂ * scale with x̂ = X * f, f = 1 / sqrt(mean X^2 + epsilon):
    /// dX = f * (g - x̂ * mean(g * x̂)) with g = dY * scale.</summary>
    private static Func<Value>[] RootMeanSquare(RuleContext n)
    {
        var (x, axes) = (Wide(n, n.X), Trailing(n));
        var factor = 1.0 / ((x * x).Mean(axes) + n.Node.GetFloat("epsilon", 1e-5f)).Apply("Sqrt");
        var (normalised, dY) = (x * factor, n.dY.Cast(x.ElementType));
        return
        [
            () =>
            {
                var g = dY * n.Input(1).Cast(x.ElementType);
                return (factor * (g - (normalised * (g * normalised).Mean(axes)))).Cast(n.X.ElementType);
            },
            () => BroadcastReversal.ReduceTo(dY * normalised, n.Input(1)).Cast(n.Input(1).ElementType),
        ];
    }

    /// <summary>Y = X / |X|: dX = (dY - D * sum(dY * Y)) / |X| with D = Y for the 2-norm, sign X for the 1-norm;
    /// zero where the norm is zero.</summary>
    private static Func<Value>[] Norm(RuleContext n)
    {
        var (axis, first) = (n.Node.GetInt("axis", -1), n.Node.GetInt("p", 2) == 1);
        return
        [
            () =>
            {
                var norm = n.X.Reduce(first ? "ReduceL1" : "ReduceL2", [axis]);
                var zero = n.Builder.Op("Equal", norm, norm.Like(0));
                var factor = n.Builder.Op("Where", zero, norm.Like(0), 1.0 / n.Builder.Op("Where", zero, norm.Like(1), norm));
                return factor * (n.dY - ((first ? n.X.Apply("Sign") : n.Y) * (n.dY * n.Y).Sum([axis])));
            },
        ];
    }

    /// <summary>
    /// Y = (X - mean) * f with f = 1 / (s + 1e-9), s the standard deviation:
    /// dX = f * (dY - mean dY) - Y * mean(dY * Y) / s, without the second term where s is zero.
    /// </summary>
    private static Func<Value>[] MeanVariance(RuleContext n)
    {
        long[] axes = [.. n.Node.GetInts("axes") ?? [0, 2, 3]];
        return
        [
            () =>
            {
                var centred = n.X - n.X.Mean(axes);
                var deviation = (centred * centred).Mean(axes).Apply("Sqrt");
                var factor = 1.0 / (deviation + 1e-9);
                var safe = n.Builder.Op("Where", n.Builder.Op("Equal", deviation, deviation.Like(0)), deviation.Like(1), deviation);
                var normalised = centred * factor;
                return (factor * (n.dY - n.dY.Mean(axes))) - (normalised * ((n.dY * normalised).Mean(axes) / safe));
            },
        ];
    }
}
