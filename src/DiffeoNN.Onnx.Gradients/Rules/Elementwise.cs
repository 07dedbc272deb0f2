namespace DiffeoNN.Onnx.Gradients.Rules;

/// <summary>Functions of one variable, clipping, and operators that hand their input through.</summary>
internal static class Elementwise
{
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        new("Identity", SinceVersion: 7, n => [() => n.dY]),
        new("Cast", SinceVersion: 7, n => [() => n.dY.Cast(n.X.ElementType)]),
        new("CastLike", SinceVersion: 15, n => [() => n.dY.Cast(n.X.ElementType)]) { NonDifferentiableInputs = [1] },
        new("Dropout", SinceVersion: 7, Dropout) { NonDifferentiableInputs = [1, 2] },
        new("Clip", SinceVersion: 7, Clip) { Broadcasts = true },
        new("Exp", SinceVersion: 7, n => [() => n.dY * n.Y]),
        new("Log", SinceVersion: 7, n => [() => n.dY / n.X]),
        new("Erf", SinceVersion: 9, n => [() => n.dY * (-(n.X * n.X)).Apply("Exp") * (2 / Math.Sqrt(Math.PI))]),
        new("Sin", SinceVersion: 7, n => [() => n.dY * n.X.Apply("Cos")]),
        new("Cos", SinceVersion: 7, n => [() => -(n.dY * n.X.Apply("Sin"))]),
        new("Tan", SinceVersion: 7, n => [() => n.dY * ((n.Y * n.Y) + 1)]),
        new("Asin", SinceVersion: 7, n => [() => n.dY / (1 - (n.X * n.X)).Apply("Sqrt")]),
        new("Acos", SinceVersion: 7, n => [() => -(n.dY / (1 - (n.X * n.X)).Apply("Sqrt"))]),
        new("Atan", SinceVersion: 7, n => [() => n.dY / ((n.X * n.X) + 1)]),
        new("Sinh", SinceVersion: 9, n => [() => n.dY * n.X.Apply("Cosh")]),
        new("Cosh", SinceVersion: 9, n => [() => n.dY * n.X.Apply("Sinh")]),
        new("Asinh", SinceVersion: 9, n => [() => n.dY / ((n.X * n.X) + 1).Apply("Sqrt")]),
        new("Acosh", SinceVersion: 9, n => [() => n.dY / ((n.X * n.X) - 1).Apply("Sqrt")]),
        new("Atanh", SinceVersion: 9, n => [() => n.dY / (1 - (n.X * n.X))]),
    ];

    /// <summary>Nothing is dropped at inference.</summary>
    private static Func<Value>[] Dropout(RuleContext n)
    {
        if (n.Has(2) && n.Input(2).Facts.Items is not [{ IsKnown: true, Number: 0 }])
            throw n.Refuse("it drops at random (training_mode). Export the model for inference.");
        return [() => n.dY];
    }

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
