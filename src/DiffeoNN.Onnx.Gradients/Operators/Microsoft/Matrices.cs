namespace DiffeoNN.Onnx.Gradients.Operators.Microsoft;

/// <summary>Matrices: the inverse, triangles.</summary>
internal static class Matrices
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Inverse", new(1, Inverse)) { Domain = MicrosoftOperators.Domain, Takes = new(1, 1), Shapes = Same },
        new("Trilu", new(1, Triangle) { NonDifferentiableInputs = [1] })
        {
            Domain = MicrosoftOperators.Domain, Takes = new(1, 2), InputNames = ["X", "k"],
            Attributes = [new("upper", OnnxAttributeKind.Int)], Shapes = Same,
        },
    ];

    private static ValueFacts[] Same(InferenceContext n) => [new(n.Type(0), n.Shape(0))];

    /// <summary>Y = X^-1: dX = -Y^T dY Y^T.</summary>
    private static Func<Value>[] Inverse(RuleContext n)
    {
        return
        [
            () =>
            {
                var transposed = n.Y.TransposeLast();
                return -n.Op("MatMul", n.Op("MatMul", transposed, n.dY), transposed);
            },
        ];
    }

    /// <summary>The same triangle of the gradient.</summary>
    private static Func<Value>[] Triangle(RuleContext n) =>
        [() => n.Add("Trilu", [n.dY, n.Has(1) ? n.Input(1) : null], n.Node.Attributes.Values)[0]];
}
