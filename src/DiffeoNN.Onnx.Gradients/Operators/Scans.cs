namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Cumulative sums and products.</summary>
internal static class Scans
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("CumSum", new(11, CumulativeSum) { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 2), InputNames = ["x", "axis"], Ranks = ["*", "1-"], Shapes = ShapeInference.Same,
        },
        new("CumProd", GradientRule.Expanded(26, n => [CumulativeProduct(n)]) with { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 2), InputNames = ["x", "axis"], Ranks = ["*", "1-"], Shapes = ShapeInference.Same,
        },
    ];

    /// <summary>What was summed from the front is summed from the back.</summary>
    private static Func<Value>[] CumulativeSum(RuleContext n) =>
    [
        () => n.Builder.Node("CumSum", [n.dY, n.Input(1)],
            OnnxAttribute.Of("exclusive", n.Node.GetInt("exclusive", 0)), OnnxAttribute.Of("reverse", 1 - n.Node.GetInt("reverse", 0)))[0],
    ];

    private static Value CumulativeProduct(RuleContext n)
    {
        if (n.Input(1).Facts.Integers is [var axis])
            return Products(n, n.X, n.Axis(axis, n.X.Rank));
        // An axis that is computed while the model runs stands between those before it and those behind it, merged.
        var shape = n.X.Apply("Shape");
        var rank = shape.Apply("Shape");
        var given = n.Input(1).Cast(OnnxElementType.Int64).Reshape(1);
        var place = n.Builder.Op("Mod", given + rank, rank);
        Value Merged(Value from, Value to) => n.Builder.Op("Slice", shape, from, to).Apply("ReduceProd", OnnxAttribute.Of("keepdims", 1));
        var parts = new[] { Merged(n.Builder.Integers(0), place), shape.Gather(place), Merged(place + n.Builder.Integers(1), rank) };
        var planes = n.X.Reshape(n.Builder.Node("Concat", parts, OnnxAttribute.Of("axis", 0))[0]);
        return Products(n, planes, 1).ReshapeLike(n.X);
    }

    /// <summary>Y_i is the product over j of X_j where j takes part in i, and of 1 elsewhere:
    /// right for zeros too, at the cost of n values for each one.</summary>
    private static Value Products(RuleContext n, Value x, int axis)
    {
        var (exclusive, reverse) = (n.Node.GetInt("exclusive", 0) != 0, n.Node.GetInt("reverse", 0) != 0);
        var places = n.Builder.Op("Range", n.Builder.Integers(0).Reshape([]), x.Size(axis).Reshape([]), n.Builder.Integers(1).Reshape([]));
        var (i, j) = (places.Unsqueeze(1), places.Unsqueeze(0));
        var part = n.Builder.Op(exclusive ? "Less" : "LessOrEqual", reverse ? [i, j] : [j, i]);
        var inner = Enumerable.Range(2, x.Rank - 1 - axis).Select(a => (long)a);
        var factors = n.Builder.Op("Where", part.Unsqueeze([.. inner]), x.Unsqueeze(axis), x.Like(1));
        return n.Builder.Node("ReduceProd", [factors, n.Builder.Integers(axis + 1)], OnnxAttribute.Of("keepdims", 0))[0];
    }
}
