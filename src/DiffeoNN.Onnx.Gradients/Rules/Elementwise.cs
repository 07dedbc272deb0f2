namespace DiffeoNN.Onnx.Gradients.Rules;

/// <summary>Functions of one variable, clipping, and operators that hand their input through.</summary>
internal static class Elementwise
{
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        new("Identity", SinceVersion: 7, n => [() => n.dY]),
        new("Cast", SinceVersion: 7, n => [() => n.dY.Cast(n.X.ElementType)]) { Limits = "Between floating point types; stops at others." },
        new("CastLike", SinceVersion: 15, n => [() => n.dY.Cast(n.X.ElementType)]) { NonDifferentiableInputs = [1] },
        new("BitCast", SinceVersion: 26, BitCast) { Limits = "Only between equal types." },
        new("Dropout", SinceVersion: 7, Dropout) { NonDifferentiableInputs = [1, 2] },
        new("Clip", SinceVersion: 7, Clip) { Broadcasts = true },
        new("Exp", SinceVersion: 7, n => [() => n.dY * n.Y]),
        new("Log", SinceVersion: 7, n => [() => n.dY / n.X]),
        new("Erf", SinceVersion: 9, n => [() => n.dY * (-(n.X * n.X)).Apply("Exp") * (2 / Math.Sqrt(Math.PI))]),
        new("Sin", SinceVersion: 7, n => [() => n.dY * n.X.Apply("Cos")]),
        new("Cos", SinceVersion: 7, n => [() => -(n.dY * n.X.Apply("Sin"))]),
        new("Tan", SinceVersion: 7, n => [() => n.dY * ((n.Y * n.Y) + 1)]),
        new("Asin", SinceVersion: 7, n => [() => n.dY / OneMinusSquare(n.X).Apply("Sqrt")]),
        new("Acos", SinceVersion: 7, n => [() => -(n.dY / OneMinusSquare(n.X).Apply("Sqrt"))]),
        new("Atan", SinceVersion: 7, n => [() => n.dY / ((n.X * n.X) + 1)]),
        new("Sinh", SinceVersion: 9, n => [() => n.dY * n.X.Apply("Cosh")]),
        new("Cosh", SinceVersion: 9, n => [() => n.dY * n.X.Apply("Sinh")]),
        new("Asinh", SinceVersion: 9, n => [() => n.dY / ((n.X * n.X) + 1).Apply("Sqrt")]),
        new("Acosh", SinceVersion: 9, n => [() => n.dY / ((n.X - 1) * (n.X + 1)).Apply("Sqrt")]),
        new("Atanh", SinceVersion: 9, n => [() => n.dY / OneMinusSquare(n.X)]),
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
