namespace DiffeoNN.Onnx.Gradients.Operators.Microsoft;

/// <summary>Normalisations of vectors, alone and behind a sum: what stands between the layers of a transformer.</summary>
internal static class SkipNormalisation
{
    private const float Epsilon = 1e-12f;
    private const int LayerNormalizationSince = 17;

    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        // The runtime had both operators in ai.onnx long before the specification had either.
        Standardisation.All.Single(row => row.Name == "LayerNormalization") is var layer
            ? layer with { Gradients = [new(1, Standardisation.Layer), .. layer.Gradients] } : layer,
        new("SimplifiedLayerNormalization", GradientRule.Expanded(1, Simplified))
        {
            Takes = new(2, 2), InputNames = ["X", "scale"],
            Shapes = n => [new(n.Type(1), n.Shape(0)), Statistics(n, n.Node.GetInt("axis", -1))],
        },
        new("SkipLayerNormalization", GradientRule.Expanded(1, SkipLayer))
        {
            Domain = MicrosoftOperators.Domain, Takes = new(3, 5), InputNames = ["input", "skip", "gamma", "beta", "bias"],
            Attributes = [new("epsilon", OnnxAttributeKind.Float)], Shapes = SkipShapes,
        },
        new("SkipSimplifiedLayerNormalization", GradientRule.Expanded(1, SkipSimplified))
        {
            Domain = MicrosoftOperators.Domain, Takes = new(3, 4), InputNames = ["input", "skip", "gamma", "bias"],
            Attributes = [new("epsilon", OnnxAttributeKind.Float)], Shapes = SkipShapes,
        },
    ];

    /// <summary>(x - mean) / sqrt(variance + epsilon) * gamma + beta over the last axis.</summary>
    /// <returns>The result, the mean, and one over the standard deviation.</returns>
    internal static IReadOnlyList<Value> Normalised(RuleContext n, Value x, Value gamma, Value? beta, float epsilon)
    {
        if (n.Opset >= LayerNormalizationSince)
            return n.Add("LayerNormalization", [x, gamma, beta], [OnnxAttribute.Of("epsilon", epsilon)], outputs: 3);
        var mean = x.Mean([x.Rank - 1]);
        var centred = x - mean;
        var factor = 1.0 / ((centred * centred).Mean([x.Rank - 1]) + epsilon).Apply("Sqrt");
        var scaled = centred * factor * gamma;
        return [beta is null ? scaled : scaled + beta, mean.Cast(OnnxElementType.Float), factor.Cast(OnnxElementType.Float)];
    }

    /// <summary>x / sqrt(mean x^2 + epsilon) * gamma, and the factor of x; statistics are told in float32.</summary>
    private static Value[] RootMeanSquare(Value x, Value gamma, long[] axes, double epsilon)
    {
        // Statistics of 16-bit values are formed in float32.
        var wide = x.ElementType is OnnxElementType.Float16 or OnnxElementType.BFloat16 ? x.Cast(OnnxElementType.Float) : x;
        var factor = 1.0 / ((wide * wide).Mean(axes) + epsilon).Apply("Sqrt");
        return [(wide * factor).Cast(x.ElementType) * gamma, factor.Cast(OnnxElementType.Float)];
    }

    private static Value[] Simplified(RuleContext n)
    {
        var axis = n.Axis(n.Node.GetInt("axis", -1), n.X.Rank);
        return RootMeanSquare(n.X, n.Input(1), [.. Enumerable.Range(axis, n.X.Rank - axis).Select(a => (long)a)],
            n.Node.GetFloat("epsilon", 1e-5f));
    }

    private static Value?[] SkipLayer(RuleContext n)
    {
        var sum = Sum(n, bias: 4);
        var parts = Normalised(n, sum, n.Input(2), n.Has(3) ? n.Input(3) : null, n.Node.GetFloat("epsilon", Epsilon));
        return [.. parts, sum];
    }

    private static Value?[] SkipSimplified(RuleContext n)
    {
        var sum = Sum(n, bias: 3);
        var parts = RootMeanSquare(sum, n.Input(2), [sum.Rank - 1], n.Node.GetFloat("epsilon", Epsilon));
        return [parts[0], null, parts[1], sum];
    }

    private static Value Sum(RuleContext n, int bias)
    {
        var sum = n.X + n.Input(1);
        return n.Has(bias) ? sum + n.Input(bias) : sum;
    }

    private static ValueFacts[] SkipShapes(InferenceContext n) =>
        [new(n.Type(0), n.Shape(0)), Statistics(n, -1), Statistics(n, -1), new(n.Type(0), n.Shape(0))];

    private static ValueFacts Statistics(InferenceContext n, long from)
    {
        if (n.Shape(0) is not { } shape)
            return new(OnnxElementType.Float, null);
        var axis = n.Axis(from, shape.Length);
        return new(OnnxElementType.Float, [.. shape.Select((d, i) => i < axis ? d : Dim.One)]);
    }
}
