namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Rotary positional embedding: pairs of features are turned by angles that the position sets.</summary>
internal static class RotaryEmbedding
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("RotaryEmbedding", GradientRule.Expanded(23, Rotate) with { NonDifferentiableInputs = [3] })
        {
            Takes = new(3, 4), InputNames = ["X", "cos_cache", "sin_cache", "position_ids"], Shapes = ShapeInference.Same,
        },
    ];

    /// <summary>(a, b) -> (a cos - b sin, a sin + b cos); a and b are neighbours where interleaved,
    /// halves of the features otherwise.</summary>
    private static Value[] Rotate(RuleContext n)
    {
        // Features are the last axis; heads stand behind the positions in the form of rank 3, before them in that of rank 4.
        var joined = n.X.Rank == 3;
        var heads = n.Node.GetInt("num_heads", 0);
        if (joined && heads <= 0)
            throw n.Refuse("an input of rank 3 needs the attribute num_heads.");
        var x = joined ? n.X.Regroup(0, 0, heads, -1) : n.X;
        var turned = n.Node.GetInt("rotary_embedding_dim", 0);
        var rotated = Turn(n, turned > 0 ? x.Slice(3, 0, turned) : x, joined ? 2 : 1);
        if (turned > 0 && x.Shape![3].Size != turned)
            rotated = n.Builder.Node("Concat", [rotated, x.Slice(3, turned, int.MaxValue)], OnnxAttribute.Of("axis", 3))[0];
        return [joined ? rotated.Regroup(0, 0, -1) : rotated];
    }

    private static Value Turn(RuleContext n, Value x, int headAxis) => Turn(n, x, headAxis, input =>
    {
        var cache = n.Input(input);
        return n.Has(3) ? cache.Gather(n.Input(3)) : cache;
    });

    /// <summary>Turns all pairs.</summary>
    /// <param name="n">The node, which says whether neighbours or halves are pairs.</param>
    /// <param name="x">(batch, heads, positions, features), or with heads behind the positions.</param>
    /// <param name="headAxis">The axis of the heads.</param>
    /// <param name="angles">Cosines (1) and sines (2), (batch, positions, features / 2).</param>
    internal static Value Turn(RuleContext n, Value x, int headAxis, Func<int, Value> angles)
    {
        var interleaved = n.Node.GetInt("interleaved", 0) != 0;
        // The pairs of neighbours are an axis of their own.
        var pairs = interleaved ? x.Regroup(0, 0, 0, -1, 2) : x;
        var axis = interleaved ? 4 : 3;
        // Operator set 18 wants to be told the number of parts, older ones do not know how.
        OnnxAttribute[] split = n.Opset >= 18
            ? [OnnxAttribute.Of("axis", axis), OnnxAttribute.Of("num_outputs", 2)]
            : [OnnxAttribute.Of("axis", axis)];
        var halves = n.Builder.Node("Split", [pairs], 2, split);
        Value Angles(int input) => interleaved ? angles(input).Unsqueeze(headAxis, 4) : angles(input).Unsqueeze(headAxis);
        var (cos, sin, a, b) = (Angles(1), Angles(2), halves[0], halves[1]);
        var both = n.Builder.Node("Concat", [(a * cos) - (b * sin), (a * sin) + (b * cos)], OnnxAttribute.Of("axis", axis))[0];
        return interleaved ? both.ReshapeLike(x) : both;
    }
}
