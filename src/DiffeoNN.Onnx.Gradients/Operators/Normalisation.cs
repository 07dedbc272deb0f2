namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Normalisations by given statistics, by those of a batch, and by neighbouring channels.</summary>
internal static class Normalisation
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("BatchNormalization", new(7, Batch))
        {
            Takes = new(5, 5), InputNames = ["X", "scale", "B", "input_mean", "input_var"], Ranks = ["2+", "1", "1", "1", "1"],
            Check = ShapeChecks.Channels, Shapes = ShapeInference.BatchNormalization,
            Upgrades = [new(7, OpsetConverter.InferenceOnly), new(9, OpsetConverter.DropSpatial),
                new(14, OpsetConverter.StatisticsOutputs)],
            Statistics = [3, 4],
        },
        new("LRN", new(7, LocalResponse))
        {
            Takes = new(1, 1), Ranks = ["2+"],
            Attributes = [new("size") { IsRequired = true }], Shapes = ShapeInference.Same,
        },
    ];

    /// <summary>Y = scale * (X - mean) / sqrt(var + epsilon) + B with given statistics.</summary>
    private static Func<Value>[] Batch(RuleContext n)
    {
        var rank = n.X.Rank;
        if (rank < 2)
            throw n.Refuse("its input has no axis of channels.");
        long[] inner = [.. Enumerable.Range(1, rank - 2).Select(a => (long)a)];
        long[] others = [0, .. Enumerable.Range(2, rank - 2).Select(a => (long)a)];
        if (n.Node.GetInt("training_mode", 0) != 0)
            return Training(n, inner, others);
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

    /// <summary>
    /// With the statistics of the batch: as any standardisation, and running = given * momentum + batch * (1 - momentum) gives
    /// dX += (1 - momentum) * (dRunningMean + 2 * (X - mean) * dRunningVar) / n.
    /// </summary>
    private static Func<Value>[] Training(RuleContext n, long[] inner, long[] others)
    {
        double momentum = n.Node.GetFloat("momentum", 0.9f);
        Value Channels(Value vector) => vector.Unsqueeze(inner);
        Value Share(int output, double part) => n.HasGradient(output) ? n.Gradient(output) * part : n.Zeros(n.Input(output + 2));
        var x = Standardisation.Standardised.Of(n.X, others, n.Node.GetFloat("epsilon", 1e-5f));
        return
        [
            () =>
            {
                var gradient = n.HasGradient(0) ? x.Back(n.dY, Channels(n.Input(1))) : n.Zeros(n.X);
                if (n.HasGradient(1))
                    gradient += Channels(Standardisation.PerElement(Share(1, 1 - momentum), n.X, others).Cast(n.X.ElementType));
                return n.HasGradient(2)
                    ? gradient + (Channels(Standardisation.PerElement(Share(2, 2 * (1 - momentum)), n.X, others).Cast(n.X.ElementType))
                        * (n.X - n.X.Mean(others)))
                    : gradient;
            },
            () => (n.dY * x.Normalised).Sum(others, keep: false),
            () => n.dY.Sum(others, keep: false),
            () => Share(1, momentum),
            () => Share(2, momentum),
        ];
    }

    /// <summary>
    /// Y = X * S^-beta with S = bias + alpha/size * (sum of squares over neighbouring channels):
    /// dX = dY * S^-beta - 2 alpha beta/size * X * (sum over neighbours of dY * X * S^(-beta-1)).
    /// </summary>
    private static Func<Value>[] LocalResponse(RuleContext n)
    {
        var size = n.Node.GetInt("size", 1);
        var (alpha, beta, bias) =
            ((double)n.Node.GetFloat("alpha", 1e-4f), (double)n.Node.GetFloat("beta", 0.75f), (double)n.Node.GetFloat("bias", 1));
        var (before, after) = ((size - 1) / 2, size - 1 - ((size - 1) / 2));
        Value Window(Value value, long first, long last)
        {
            var planes = value.Reshape(n.Builder.Node("Concat", [n.X.Size(0), n.Builder.Integers(1), n.X.Size(1), n.Builder.Integers(-1)],
                OnnxAttribute.Of("axis", 0))[0]);
            return planes.InWide(
                p => p.Apply("AveragePool", OnnxAttribute.Of("kernel_shape", [size, 1L]), OnnxAttribute.Of("pads", [first, 0L, last, 0L]),
                    OnnxAttribute.Of("count_include_pad", 1L))).ReshapeLike(n.X) * size;
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
