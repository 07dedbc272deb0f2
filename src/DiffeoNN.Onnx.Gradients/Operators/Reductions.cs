namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Reductions: the gradient returns to the shape of the input.</summary>
internal static class Reductions
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("ReduceSum", new(7, n => [() => Spread(n, n.dY).ExpandLike(n.X)]) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Reduction,
            Folding = (n, sizes) => sizes.Length == 0 || sizes is [1] ? ConstantEvaluator.Fold(n, (a, b) => a + b, (a, b) => a + b) : null,
            Upgrades = [new(13, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("ReduceMean", new(7, Mean) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Reduction,
            Upgrades = [new(18, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("ReduceMax", new(7, Extreme) { NonDifferentiableInputs = [1], Limits = "Equal largest elements share the gradient." })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Reduction,
            Upgrades = [new(18, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("ReduceMin", new(7, Extreme) { NonDifferentiableInputs = [1], Limits = "Equal smallest elements share the gradient." })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Reduction,
            Upgrades = [new(18, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("ReduceProd", new(7, Product) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Reduction,
            Folding = (n, sizes) => sizes.Length == 0 || sizes is [1] ? ConstantEvaluator.Fold(n, (a, b) => a * b, (a, b) => a * b) : null,
            Upgrades = [new(18, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("ReduceL1", new(7, n => [() => Spread(n, n.dY) * n.X.Apply("Sign")]) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Reduction,
            Upgrades = [new(18, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("ReduceL2", new(7, Norm) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Reduction,
            Upgrades = [new(18, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("ReduceSumSquare", new(7, n => [() => Spread(n, n.dY) * 2 * n.X]) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Reduction,
            Upgrades = [new(18, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("ReduceLogSum",
            new(7, n => [() => (Spread(n, n.dY) / Spread(n, n.Y).Apply("Exp")).ExpandLike(n.X)]) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Reduction,
            Upgrades = [new(18, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
        new("ReduceLogSumExp", new(7, LogSumExp) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["data", "axes"], Shapes = ShapeInference.Reduction,
            Upgrades = [new(18, (n, s) => OpsetConverter.AttributeToInput(n, s, "axes", 1))],
        },
    ];

    /// <summary>A value in the output's shape, with the reduced axes put back as axes of size 1.</summary>
    private static Value Spread(RuleContext n, Value value)
    {
        if (n.Node.GetInt("keepdims", 1) == 1 || ReducesNothing(n))
            return value;
        if (Axes(n) is { } axes)
            return axes.Count == n.X.KnownRank && axes.Count > 0 ? value.Reshape([.. axes.Select(_ => 1L)]) : value.Unsqueeze([.. axes]);
        return n.Has(1) ? n.Builder.Op("Unsqueeze", value, n.Input(1)) : value;
    }

    private static bool ReducesNothing(RuleContext n) =>
        n.Node.GetInt("noop_with_empty_axes", 0) == 1 && AxesGiven(n) is null or { Length: 0 };

    private static long[]? AxesGiven(RuleContext n) => n.Shapes.IntegersOf("axes", 1) ?? (n.Has(1) ? null : []);

    /// <summary>The reduced axes in ascending order; null where they are not known.</summary>
    private static List<long>? Axes(RuleContext n)
    {
        if (AxesGiven(n) is not { } given)
            return null;
        if (given.Length == 0)
            return n.X.KnownRank is { } rank ? [.. Enumerable.Range(0, rank).Select(a => (long)a)] : null;
        return n.X.KnownRank is { } known ? [.. given.Select(a => (long)n.Axis(a, known)).Order()] : [.. given];
    }

    /// <summary>dX = dY / n.</summary>
    private static Func<Value>[] Mean(RuleContext n)
    {
        return
        [
            () =>
            {
                var sizes = n.X.Shape is { } shape && Axes(n) is { } axes
                    ? axes.Select(a => shape[(int)a]).Aggregate(Dim.One, (a, b) => a * b)
                    : null;
                var scaled = ReducesNothing(n) ? n.dY
                    : sizes?.Size is { } count ? n.dY / count
                    : n.dY / n.Builder.Op("Div", n.X.Apply("Size"), n.Y.Apply("Size")).Cast(n.X.ElementType);
                return Spread(n, scaled).ExpandLike(n.X);
            },
        ];
    }

    /// <summary>dX = dY * exp(X - Y); zero where everything is masked by minus infinity.</summary>
    private static Func<Value>[] LogSumExp(RuleContext n)
    {
        return
        [
            () =>
            {
                var masked = n.Builder.Op("Equal", n.Y, n.Y.Like(double.NegativeInfinity));
                var offset = n.Builder.Op("Where", masked, n.Y.Like(0), n.Y);
                return Spread(n, n.dY) * (n.X - Spread(n, offset)).Apply("Exp");
            },
        ];
    }

    /// <summary>A sum or product over the axes that the node reduces, which stay with size 1.</summary>
    private static Value Reduced(RuleContext n, string opType, Value value)
    {
        var noop = n.Node.GetInt("noop_with_empty_axes", 0);
        if (n.Has(1))
            return n.Builder.Node(opType, [value, n.Input(1)], OnnxAttribute.Of("noop_with_empty_axes", noop))[0];
        if (ReducesNothing(n))
            return value;
        return AxesGiven(n) is { Length: > 0 } axes
            ? opType == "ReduceSum" ? value.Sum(axes) : value.Reduce(opType, axes)
            : value.Apply(opType);
    }

    /// <summary>Elements that attain the extreme share the gradient equally.</summary>
    private static Func<Value>[] Extreme(RuleContext n)
    {
        return
        [
            () =>
            {
                var taken = n.Builder.Op("Equal", n.X, Spread(n, n.Y)).AsNumber(n.X);
                return ReducesNothing(n) ? n.dY : taken * (Spread(n, n.dY) / Reduced(n, "ReduceSum", taken));
            },
        ];
    }

    /// <summary>dX = dY * (product of the others), right where elements are zero too.</summary>
    private static Func<Value>[] Product(RuleContext n)
    {
        return
        [
            () =>
            {
                var zero = n.Builder.Op("Equal", n.X, n.X.Like(0));
                var others = n.Builder.Op("Where", zero, n.X.Like(1), n.X);
                var product = Reduced(n, "ReduceProd", others);
                var zeros = Reduced(n, "ReduceSum", zero.AsNumber(n.X));
                Value Times(double count, Value value) =>
                    n.Builder.Op("Where", n.Builder.Op("Equal", zeros, zeros.Like(count)), value, value.Like(0));
                return Spread(n, n.dY) * n.Builder.Op("Where", zero, Times(1, product), Times(0, product / others));
            },
        ];
    }

    /// <summary>dX = dY * X / Y, zero where the norm is zero.</summary>
    private static Func<Value>[] Norm(RuleContext n)
    {
        return
        [
            () =>
            {
                var norm = Spread(n, n.Y);
                return n.X * (Spread(n, n.dY) / n.Builder.Op("Where", n.Builder.Op("Equal", norm, norm.Like(0)), norm.Like(1), norm));
            },
        ];
    }
}
