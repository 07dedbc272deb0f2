namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Sums, products, powers and choices, with broadcasting.</summary>
internal static class Arithmetic
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Add", new(7, Add) { Broadcasts = true })
        {
            Takes = new(2, 2), InputNames = ["A", "B"], HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
            Folding = (n, s) => ConstantEvaluator.Binary(n, s, (a, b) => a + b, (a, b) => a + b),
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("Sub", new(7, Sub) { Broadcasts = true })
        {
            Takes = new(2, 2), InputNames = ["A", "B"], HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
            Folding = (n, s) => ConstantEvaluator.Binary(n, s, (a, b) => a - b, (a, b) => a - b),
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("Mul", new(7, Mul) { Broadcasts = true })
        {
            Takes = new(2, 2), InputNames = ["A", "B"], HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
            Folding = (n, s) => ConstantEvaluator.Binary(n, s, (a, b) => a * b, (a, b) => a * b),
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("Div", new(7, Div) { Broadcasts = true })
        {
            Takes = new(2, 2), InputNames = ["A", "B"], HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
            Folding = (n, s) => ConstantEvaluator.Binary(n, s, ConstantEvaluator.Quotient, (a, b) => a / b),
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("Mod", new(10, Mod) { Broadcasts = true })
        {
            Takes = new(2, 2), InputNames = ["A", "B"], HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
            Folding = (n, s) => ConstantEvaluator.Binary(n, s, ConstantEvaluator.Remainder, null),
        },
        new("Pow", new(7, Pow) { Broadcasts = true })
        {
            Takes = new(2, 2), InputNames = ["X", "Y"], BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
            Folding = (n, s) => ConstantEvaluator.Numbers(n, s, Math.Pow),
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("Sum", new(7, n => [.. n.Node.Inputs.Select(_ => (Func<Value>)(() => n.dY))]) { Broadcasts = true })
        {
            Takes = new(1, InputCount.Any), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
        },
        new("Mean", new(7, n => [.. n.Node.Inputs.Select(_ => (Func<Value>)(() => n.dY / n.Count))]) { Broadcasts = true })
        {
            Takes = new(1, InputCount.Any), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
        },
        new("Max", new(7, Extreme) { Broadcasts = true, Limits = "Of equal operands the first gets the gradient." })
        {
            Takes = new(1, InputCount.Any), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
            Folding = (n, s) => n.Count == 2 ? ConstantEvaluator.Binary(n, s, (a, b) => ConstantEvaluator.Extreme(a, b, 1),
                Math.Max) : null,
        },
        new("Min", new(7, Extreme) { Broadcasts = true, Limits = "Of equal operands the first gets the gradient." })
        {
            Takes = new(1, InputCount.Any), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
            Folding = (n, s) => n.Count == 2 ? ConstantEvaluator.Binary(n, s, (a, b) => ConstantEvaluator.Extreme(a, b, -1),
                Math.Min) : null,
        },
        new("Where", new(9, Where) { NonDifferentiableInputs = [0], Broadcasts = true })
        {
            Takes = new(3, 3), InputNames = ["condition", "X", "Y"], BroadcastsAll = true, Shapes = ShapeInference.Where,
            Folding = ConstantEvaluator.Where,
        },
        new("Neg", new(7, n => [() => -n.dY]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Folding = (n, _) => ConstantEvaluator.Unary(n, a => 0 - a, a => -a),
        },
        new("Abs", new(7, n => [() => n.dY * n.X.Apply("Sign")]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Folding = (n, _) => ConstantEvaluator.Unary(n, a => a.IsConstant ? Math.Abs(a.Constant) : null, Math.Abs),
        },
        new("Sqrt", new(7, n => [() => n.dY * 0.5 / n.Y]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Folding = (n, _) => ConstantEvaluator.Unary(n, null, Math.Sqrt),
        },
        new("Reciprocal", new(7, n => [() => -(n.dY * n.Y * n.Y)]))
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Folding = (n, _) => ConstantEvaluator.Unary(n, null, a => 1 / a),
        },
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
