namespace DiffeoNN.Onnx.Gradients.Operators.Microsoft;

/// <summary>What the attention operators have in common: heads, scores, masks and the weighted sum.</summary>
internal static class HeadedAttention
{
    private const float HiddenScore = -10000;

    /// <summary>(batch, positions, heads * features) as (batch, heads, positions, features).</summary>
    public static Value Heads(Value value, long heads) => value.Regroup(0, 0, heads, -1).Transpose(0, 2, 1, 3);

    /// <summary>(batch, heads, positions, features) as (batch, positions, heads * features).</summary>
    public static Value Joined(Value value) => value.Transpose(0, 2, 1, 3).Regroup(0, 0, -1);

    /// <summary>scale * Q K^T, by default one over the square root of the number of features.</summary>
    public static Value Scores(RuleContext n, Value queries, Value keys)
    {
        var scores = n.Op("MatMul", queries, keys.TransposeLast());
        var scale = n.Node.GetFloat("scale", 0);
        if (scale != 0)
            return scores * scale;
        return queries.Shape![3].Size is { } features ? scores * (1 / Math.Sqrt(features))
            : scores / queries.Size(3).Cast(queries.ElementType).Apply("Sqrt");
    }

    /// <summary>Adds a low number where a mask of integers hides a key.</summary>
    /// <param name="n">The node.</param>
    /// <param name="scores">(batch, heads, queries, keys).</param>
    /// <param name="input">The mask: lengths (batch), ends and starts (2 * batch), (batch, keys) or (batch, queries, keys).</param>
    public static Value Masked(RuleContext n, Value scores, int input)
    {
        if (!n.Has(input))
            return scores;
        var mask = n.Input(input);
        var hidden = mask.Rank switch
        {
            1 => Behind(n, scores, mask),
            2 => Zero(n, mask.Unsqueeze(1, 2)),
            3 => Zero(n, mask.Unsqueeze(1)),
            _ => throw n.Refuse($"its mask '{n.Node.Inputs[input]}' has rank {mask.Rank}; ranks 1 to 3 are taken."),
        };
        return scores + n.Op("Where", hidden, scores.Like(n.Node.GetFloat("mask_filter_value", HiddenScore)), scores.Like(0));
    }

    /// <summary>Hides the keys behind each query, which stand behind the past.</summary>
    /// <param name="n">The node.</param>
    /// <param name="scores">(batch, heads, queries, keys).</param>
    /// <param name="window">How many keys a query sees, itself included; 0 for all before it.</param>
    public static Value Causal(RuleContext n, Value scores, long window = 0)
    {
        var keys = scores.Size(3).Positions();
        var past = n.Op("Sub", scores.Size(3), scores.Size(2));
        var queries = n.Op("Add", scores.Size(2).Positions(), past).Unsqueeze(1);
        var hidden = n.Op("Greater", keys, queries);
        if (window > 0)
            hidden = n.Op("Or", hidden, n.Op("LessOrEqual", keys, n.Op("Sub", queries, n.Integers(window))));
        return Hide(n, scores, hidden);
    }

    /// <summary>Scores of which the softmax is zero where a key is hidden.</summary>
    public static Value Hide(RuleContext n, Value scores, Value hidden) => n.Op("Where", hidden, scores.Like(Lowest(scores)), scores);

    public static Value Softmax(Value scores) => scores.Apply("Softmax", OnnxAttribute.Of("axis", -1));

    private static double Lowest(Value scores) => scores.ElementType switch
    {
        OnnxElementType.Float16 => (double)Half.MinValue,
        OnnxElementType.Double => double.MinValue,
        _ => float.MinValue,
    };

    private static Value Zero(RuleContext n, Value mask) => n.Op("LessOrEqual", mask, mask.Like(0));

    /// <summary>Keys behind the end, or before the start, that a vector gives for each element of the batch: ends, and behind them
    /// starts or nothing.</summary>
    private static Value Behind(RuleContext n, Value scores, Value mask)
    {
        var keys = scores.Size(3).Positions();
        Value Limit(Value vector) => vector.Cast(OnnxElementType.Int64).Reshape(-1, 1, 1, 1);
        if (mask.Shape![0].Equals(scores.Shape![0]))
            return n.Op("GreaterOrEqual", keys, Limit(mask));
        if (mask.Shape[0].Size is { } size && scores.Shape[0].Size is { } rows && size != 2 * rows)
            throw n.Refuse($"its mask has shape [{size}]; the batch's size {rows}, or twice that, was expected.");
        var batch = scores.Size(0);
        var filled = n.Concat(0, mask, n.Op("Expand", mask.Like(0), batch));
        Value Part(Value start, Value end) => Limit(n.Op("Slice", filled, start, end));
        return n.Op("Or", n.Op("GreaterOrEqual", keys, Part(n.Integers(0), batch)),
            n.Op("Less", keys, Part(batch, n.Op("Add", batch, batch))));
    }
}
