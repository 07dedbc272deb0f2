namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Functions of one variable, clipping, and operators that hand their input through.</summary>
internal static class Elementwise
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Identity", new(7, n => [() => n.dY])) { Takes = new(1, 1), Shapes = ShapeInference.Unchanged, Folding = (n, _) => n.Items(0) },
        new("Cast", new(7, n => [() => n.dY.Cast(n.X.ElementType)]) { Limits = "Between floating point types; stops at others." })
        {
            Takes = new(1, 1),
            Attributes = [new("to") { IsRequired = true }, new("to", OnnxAttributeKind.String) { Until = 5 }], Shapes = ShapeInference.Cast,
            Folding = ConstantEvaluator.Cast,
            Upgrades = [new(6, OpsetConverter.CastByName)],
        },
        new("CastLike", new(15, n => [() => n.dY.Cast(n.X.ElementType)]) { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 2), InputNames = ["input", "target_type"], Shapes = ShapeInference.TypeOfSecond,
        },
        new("BitCast", new(26, BitCast) { Limits = "Only between equal types." }) { Shapes = ShapeInference.Cast },
        new("Dropout", new(7, Dropout) { NonDifferentiableInputs = [1, 2] })
        {
            Takes = new(1, 3), InputNames = ["data", "ratio", "training_mode"], Shapes = ShapeInference.Dropout,
            Upgrades = [new(7, OpsetConverter.InferenceOnly), new(12, (n, _) => [OpsetConverter.Without(n, "ratio")])],
        },
        new("Clip", new(7, Clip) { Broadcasts = true })
        {
            Takes = new(1, 3), InputNames = ["input", "min", "max"], Shapes = ShapeInference.Same,
            Upgrades = [new(11, OpsetConverter.ClipLimits)],
        },
        new("Exp", new(7, n => [() => n.dY * n.Y]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Folding = (n, _) => ConstantEvaluator.Unary(n, null, Math.Exp),
        },
        new("Log", new(7, n => [() => n.dY / n.X]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Folding = (n, _) => ConstantEvaluator.Unary(n, null, Math.Log),
        },
        new("Erf", new(9, n => [() => n.dY * (-(n.X * n.X)).Apply("Exp") * (2 / Math.Sqrt(Math.PI))]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
        },
        new("Sin", new(7, n => [() => n.dY * n.X.Apply("Cos")])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Cos", new(7, n => [() => -(n.dY * n.X.Apply("Sin"))])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Tan", new(7, n => [() => n.dY * ((n.Y * n.Y) + 1)])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Asin", new(7, n => [() => n.dY / OneMinusSquare(n.X).Apply("Sqrt")])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Acos", new(7, n => [() => -(n.dY / OneMinusSquare(n.X).Apply("Sqrt"))])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Atan", new(7, n => [() => n.dY / ((n.X * n.X) + 1)])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Sinh", new(9, n => [() => n.dY * n.X.Apply("Cosh")])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Cosh", new(9, n => [() => n.dY * n.X.Apply("Sinh")])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Asinh", new(9, n => [() => n.dY / ((n.X * n.X) + 1).Apply("Sqrt")])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Acosh", new(9, n => [() => n.dY / ((n.X - 1) * (n.X + 1)).Apply("Sqrt")])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Atanh", new(9, n => [() => n.dY / OneMinusSquare(n.X)])) { Takes = new(1, 1), Shapes = ShapeInference.Same },
    ];

    /// <summary>1 - X^2, exact near 1 too.</summary>
    private static Value OneMinusSquare(Value x) => (1 - x) * (x + 1);

    /// <summary>Nothing is dropped at inference; in training the mask of this very run tells what was:
    /// dX = dY * mask / (1 - ratio).</summary>
    private static Func<Value>[] Dropout(RuleContext n)
    {
        if (!n.Has(2) || n.Input(2).Facts.Items is [{ IsKnown: true, Number: 0 }])
            return [() => n.dY];
        return
        [
            () =>
            {
                var kept = 1 - (n.Has(1) ? n.Input(1).Cast(n.X.ElementType) : n.X.Like(0.5));
                var factor = n.Builder.Op("Where", n.Input(2), 1.0 / kept, n.X.Like(1));
                return n.Builder.Op("Where", n.Output(1), n.dY * factor, n.dY.Like(0));
            },
        ];
    }

    /// <summary>The derivative of what reinterprets bits exists only where nothing is reinterpreted.</summary>
    private static Func<Value>[] BitCast(RuleContext n) => n.X.ElementType == n.Y.ElementType ? [() => n.dY]
        : throw n.Refuse($"it reads the bits of {n.X.ElementType} as {n.Y.ElementType}.");

    /// <summary>dX = dY where nothing was clipped, bounds included; elsewhere the bound gets it.</summary>
    private static Func<Value>[] Clip(RuleContext n)
    {
        Value Select(Value condition) => n.Builder.Op("Where", condition, n.dY, n.dY.Like(0));
        Value Above() => n.X > n.Input(2);
        return
        [
            () => Select(n.Builder.Op("Equal", n.X, n.Y)),
            // The upper bound is applied last, so it wins where the bounds are crossed.
            () => Select(n.Has(2) ? n.Builder.Op("And", n.X < n.Input(1), (n.Input(1) > n.Input(2)).Apply("Not")) : n.X < n.Input(1)),
            () => Select(n.Has(1) ? n.Builder.Op("Or", Above(), n.Input(1) > n.Input(2)) : Above()),
        ];
    }
}
