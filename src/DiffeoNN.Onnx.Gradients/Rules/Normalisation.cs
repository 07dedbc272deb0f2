namespace DiffeoNN.Onnx.Gradients.Rules;

/// <summary>Normalisations at inference.</summary>
internal static class Normalisation
{
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        new("BatchNormalization", SinceVersion: 7, Batch),
        new("InstanceNormalization", SinceVersion: 7, Instance),
        new("LayerNormalization", SinceVersion: 17, Layer),
        new("LRN", SinceVersion: 7, LocalResponse),
        GradientRule.Expanded("MeanVarianceNormalization", SinceVersion: 9, MeanVariance),
    ];

    /// <summary>Y = scale * (X - mean) / sqrt(var + epsilon) + B with given statistics.</summary>
    private static Func<Value>[] Batch(RuleContext n)
    {
        if (n.Node.GetInt("training_mode", 0) != 0)
            throw n.Refuse("it normalises by the statistics of the batch (training_mode). Export the model for inference.");
        var rank = n.X.KnownRank ?? 4;
        long[] inner = [.. Enumerable.Range(1, rank - 2).Select(a => (long)a)];
        long[] others = [0, .. Enumerable.Range(2, rank - 2).Select(a => (long)a)];
        Value Channels(Value vector) => vector.Unsqueeze(inner);
        var variance = n.Input(4) + n.Node.GetFloat("epsilon", 1e-5f);
        var factor = 1.0 / variance.Apply("Sqrt");
        Value Centred() => n.X - Channels(n.Input(3));
        return
        [
            () => n.dY * Channels(n.Input(1) * factor),
            () => (n.dY * Centred()).Sum(others, keep: false) * factor,
            () => n.dY.Sum(others, keep: false),
            () => -(n.dY.Sum(others, keep: false) * (n.Input(1) * factor)),
            () => (n.dY * Centred()).Sum(others, keep: false) * (n.Input(1) * factor * -0.5 / variance),
        ];
    }

    /// <summary>Gradient through x̂ = (x - mean) / sqrt(var + epsilon): (g - mean g - x̂ mean(g x̂)) / sqrt(var + epsilon).</summary>
    private static (Value Normalised, Func<Value, Value> Back) Standardise(Value x, long[] axes, double epsilon)
    {
        var centred = x - x.Mean(axes);
        var factor = 1.0 / ((centred * centred).Mean(axes) + epsilon).Apply("Sqrt");
        var normalised = centred * factor;
        return (normalised, g => factor * (g - g.Mean(axes) - (normalised * (g * normalised).Mean(axes))));
    }

    /// <summary>Y = (X - E X) / (sqrt(E X^2 - (E X)^2) + 1e-9).</summary>
    private static Value[] MeanVariance(RuleContext n)
    {
        long[] axes = [.. n.Node.GetInts("axes") ?? [0, 2, 3]];
        var mean = n.X.Mean(axes);
        return [(n.X - mean) / (((n.X * n.X).Mean(axes) - (mean * mean)).Apply("Sqrt") + 1e-9)];
    }

    private static Func<Value>[] Instance(RuleContext n)
    {
        var rank = n.X.Rank;
        long[] spatial = [.. Enumerable.Range(2, rank - 2).Select(a => (long)a)];
        long[] inner = [.. Enumerable.Range(1, rank - 2).Select(a => (long)a)];
        var (normalised, back) = Standardise(n.X, spatial, n.Node.GetFloat("epsilon", 1e-5f));
        return
        [
            () => back(n.dY * n.Input(1).Unsqueeze(inner)),
            () => (n.dY * normalised).Sum([0, .. spatial], keep: false),
            () => n.dY.Sum([0, .. spatial], keep: false),
        ];
    }

    private static Func<Value>[] Layer(RuleContext n)
    {
        if (n.HasGradient(1) || n.HasGradient(2))
            throw n.Refuse("its outputs Mean and InvStdDev are differentiated.");
        var rank = n.X.Rank;
        var axis = n.Axis(n.Node.GetInt("axis", -1), rank);
        var (normalised, back) = Standardise(n.X, [.. Enumerable.Range(axis, rank - axis).Select(a => (long)a)], n.Node.GetFloat("epsilon", 1e-5f));
        return
        [
            () => back(n.dY * n.Input(1)),
            () => BroadcastReversal.ReduceTo(n.dY * normalised, n.Input(1)),
            () => BroadcastReversal.ReduceTo(n.dY, n.Input(2)),
        ];
    }

    /// <summary>
    /// Y = X * S^-beta with S = bias + alpha/size * (sum of squares over neighbouring channels):
    /// dX = dY * S^-beta - 2 alpha beta/size * X * (sum over neighbours of dY * X * S^(-beta-1)).
    /// </summary>
    private static Func<Value>[] LocalResponse(RuleContext n)
    {
        var size = n.Node.GetInt("size", 1);
        var (alpha, beta, bias) = ((double)n.Node.GetFloat("alpha", 1e-4f), (double)n.Node.GetFloat("beta", 0.75f), (double)n.Node.GetFloat("bias", 1));
        var (before, after) = ((size - 1) / 2, size - 1 - ((size - 1) / 2));
        Value Window(Value value, long first, long last)
        {
            var planes = value.Reshape(n.Builder.Node("Concat", [n.X.Size(0), n.Builder.Integers(1), n.X.Size(1), n.Builder.Integers(-1)], OnnxAttribute.Of("axis", 0))[0]);
            return planes.Apply("AveragePool", OnnxAttribute.Of("kernel_shape", [size, 1L]), OnnxAttribute.Of("pads", [first, 0L, last, 0L]),
                OnnxAttribute.Of("count_include_pad", 1L)).ReshapeLike(n.X) * size;
        }

        return
        [
            () =>
            {
                var sum = (Window(n.X * n.X, before, after) * (alpha / size)) + bias;
                var factor = n.Builder.Op("Pow", sum, sum.Like(-beta));
                return (n.dY * factor) - (n.X * Window(n.dY * n.X * factor / sum, after, before) * (2 * alpha * beta / size));
            },
        ];
    }
}
