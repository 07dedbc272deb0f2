namespace DiffeoNN.Onnx.Gradients.Operators.Microsoft;

/// <summary>Activations by a distribution function, alone and behind a bias.</summary>
internal static class Gelus
{
    private const float QuickAlpha = 1.702f;

    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Gelu", new(1, Activations.Gelu)) { Domain = MicrosoftOperators.Domain, Takes = new(1, 1), Shapes = Same },
        new("BiasGelu", new(1, n => Biased(n, Activations.GeluSlope)) { Broadcasts = true })
        {
            Domain = MicrosoftOperators.Domain, Takes = new(2, 2), InputNames = ["A", "B"], Shapes = Same,
        },
        new("FastGelu", new(1, n => Biased(n, Activations.ApproximateGeluSlope)) { Broadcasts = true })
        {
            Domain = MicrosoftOperators.Domain, Takes = new(1, 2), InputNames = ["X", "bias"], Shapes = Same,
        },
        new("QuickGelu", new(1, n => Activations.Swish(n, n.Node.GetFloat("alpha", QuickAlpha))))
        {
            Domain = MicrosoftOperators.Domain, Takes = new(1, 1), Attributes = [new("alpha", OnnxAttributeKind.Float)], Shapes = Same,
        },
    ];

    private static ValueFacts[] Same(InferenceContext n) => [new(n.Type(0), n.Shape(0))];

    /// <summary>dX = dY * f'(X + bias), and the same for the bias.</summary>
    private static Func<Value>[] Biased(RuleContext n, Func<Value, Value> slope)
    {
        Value Form() => n.dY * slope(n.Has(1) ? n.X + n.Input(1) : n.X);
        return [Form, Form];
    }
}
