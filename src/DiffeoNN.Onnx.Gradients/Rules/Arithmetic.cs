namespace DiffeoNN.Onnx.Gradients.Rules;

/// <summary>Sums, products, powers and choices, with broadcasting.</summary>
internal static class Arithmetic
{
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        new("Add", SinceVersion: 7, Add) { Broadcasts = true },
        new("Sub", SinceVersion: 7, Sub) { Broadcasts = true },
        new("Mul", SinceVersion: 7, Mul) { Broadcasts = true },
        new("Div", SinceVersion: 7, Div) { Broadcasts = true },
        new("Mod", SinceVersion: 10, Mod) { Broadcasts = true },
        new("Pow", SinceVersion: 7, Pow) { Broadcasts = true },
        new("Sum", SinceVersion: 7, n => [.. n.Node.Inputs.Select(_ => (Func<Value>)(() => n.dY))]) { Broadcasts = true },
        new("Mean", SinceVersion: 7, n => [.. n.Node.Inputs.Select(_ => (Func<Value>)(() => n.dY / n.Count))]) { Broadcasts = true },
        new("Max", SinceVersion: 7, Extreme) { Broadcasts = true, Limits = "Of equal operands the first gets the gradient." },
        new("Min", SinceVersion: 7, Extreme) { Broadcasts = true, Limits = "Of equal operands the first gets the gradient." },
        new("Where", SinceVersion: 9, Where) { NonDifferentiableInputs = [0], Broadcasts = true },
        new("Neg", SinceVersion: 7, n => [() => -n.dY]),
        new("Abs", SinceVersion: 7, n => [() => n.dY * n.X.Apply("Sign")]),
        new("Sqrt", SinceVersion: 7, n => [() => n.dY * 0.5 / n.Y]),
        new("Reciprocal", SinceVersion: 7, n => [() => -(n.dY * n.Y * n.Y)]),
    ];

    private static Func<Value>[] Add(RuleContext n) => [() => n.dY, () => n.dY];

    private static Func<Value>[] Sub(RuleContext n) => [() => n.dY, () => -n.dY];

    /// <summary>dA = dY * B, dB = dY * A.</summary>
    private static Func<Value>[] Mul(RuleContext n)
    {
        if (n.Wanted.Count == 2 && IsSigmoidOf(n, 1, 0))
            return [() => Silu(n, n.Input(1)), GradientRule.Absorbed];
        if (n.Wanted.Count == 2 && IsSigmoidOf(n, 0, 1))
            return [GradientRule.Absorbed, () => Silu(n, n.X)];
        return [() => n.dY * n.Input(1), () => n.dY * n.X];
    }

    private static bool IsSigmoidOf(RuleContext n, int gate, int input) =>
        n.Builder.ForwardMakerOf(n.Input(gate)) is { OpType: "Sigmoid", Domain: "" } sigmoid && sigmoid.Inputs[0] == n.Node.Inputs[input];

    /// <summary>Y = X * s with s = sigmoid(X), as SiLU is exported: dX = dY * (s + Y * (1 - s)),
    /// half the operators of the two rules by themselves.</summary>
    private static Value Silu(RuleContext n, Value s) => n.dY * (s + (n.Y * Activations.Complement(s)));

    /// <summary>dA = dY / B, dB = -dY * Y / B.</summary>
    private static Func<Value>[] Div(RuleContext n) => [() => n.dY / n.Input(1), () => -(n.dY * n.Y / n.Input(1))];

    /// <summary>A mod B = A - B * q with q locally constant, so dA = dY, dB = -dY * q.</summary>
    private static Func<Value>[] Mod(RuleContext n) =>
        [() => n.dY, () => -(n.dY * ((n.X - n.Y) / n.Input(1)).InWide(q => q.Apply("Round")))];

    /// <summary>dX = dY * p * X^(p-1), dP = dY * Y * log X where X > 0 (elsewhere the power exists at integers alone).</summary>
    private static Func<Value>[] Pow(RuleContext n)
    {
        var power = n.Input(1).Cast(n.X.ElementType);
        return
        [
            () => power.Facts.Items is [{ IsKnown: true } constant] ? constant.Number switch
            {
                0 => n.dY * 0.0,
                1 => n.dY,
                2 => n.dY * 2 * n.X,
                0.5 => n.dY * 0.5 / n.Y,
                _ => n.dY * (n.Builder.Op("Pow", n.X, n.X.Like(constant.Number - 1)) * constant.Number),
            }
            : n.dY * n.Builder.Op(
                "Where", n.Builder.Op("Equal", power, power.Like(0)), power.Like(0), power * n.Builder.Op("Pow", n.X, power - 1)),
            () => (n.dY * n.Builder.Op("Where", n.X > 0, n.Y * n.Builder.Op("Where", n.X > 0, n.X, n.X.Like(1)).Apply("Log"), n.X.Like(0)))
                .Cast(n.Input(1).ElementType),
        ];
    }

    /// <summary>The gradient goes to the operand that was taken, the first of equal ones.</summary>
    private static IReadOnlyList<Func<Value>> Extreme(RuleContext n)
    {
        Value Taken(int i) => n.Builder.Op("Equal", n.Input(i), n.Y);
        Func<Value> Form(int index) => () =>
        {
            if (n.Count == 1)
                return n.dY;
            if (n.Count == 2)
            {
                // One comparison decides; where neither is greater the first was taken.
                var second = n.Node.OpType == "Max" ? n.Input(1) > n.Input(0) : n.Input(1) < n.Input(0);
                return index == 1 ? n.Builder.Op("Where", second, n.dY, n.dY.Like(0)) : n.Builder.Op("Where", second, n.dY.Like(0), n.dY);
            }

            var mask = Taken(index);
            for (var earlier = 0; earlier < index; earlier++)
                mask = n.Builder.Op("And", mask, Taken(earlier).Apply("Not"));
            return n.Builder.Op("Where", mask, n.dY, n.dY.Like(0));
        };
        return [.. Enumerable.Range(0, n.Count).Select(Form)];
    }

    private static Func<Value>?[] Where(RuleContext n) =>
    [
        null,
        () => n.Builder.Op("Where", n.X, n.dY, n.dY.Like(0)),
        () => n.Builder.Op("Where", n.X, n.dY.Like(0), n.dY),
    ];
}
