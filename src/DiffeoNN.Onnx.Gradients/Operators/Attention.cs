namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>
/// Scaled dot-product attention: Y = softmax(mask(cap(scale * Q K^T))) V, taken apart into products and a softmax whose rules do the rest.
/// </summary>
internal static class Attention
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Attention", GradientRule.Expanded(23, Attend) with { NonDifferentiableInputs = [6] })
        {
            Takes = new(3, 7), InputNames = ["Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen"],
            Attributes = [new("scale", OnnxAttributeKind.Float)], Shapes = ShapeInference.Attention,
        },
    ];

    /// <summary>Where qk_matmul_output is taken.</summary>
    private enum Stage
    {
        Product,
        Capped,
        Masked,
        Softmax,
    }

    private static Value?[] Attend(RuleContext n)
    {
        var (queries, keys, values) = (Heads(n, 0, "q_num_heads"), Heads(n, 1, "kv_num_heads"), Heads(n, 2, "kv_num_heads"));
        if (n.Has(4))
            keys = n.Builder.Node("Concat", [n.Input(4), keys], OnnxAttribute.Of("axis", 2))[0];
        if (n.Has(5))
            values = n.Builder.Node("Concat", [n.Input(5), values], OnnxAttribute.Of("axis", 2))[0];
        var stages = new Dictionary<Stage, Value> { [Stage.Product] = Grouped(Scaled(n, queries), keys.TransposeLast()) };
        stages[Stage.Capped] = Capped(n, stages[Stage.Product]);
        stages[Stage.Masked] = Masked(n, stages[Stage.Capped], keys);
        stages[Stage.Softmax] = Softmax(n, stages[Stage.Masked]);
        var result = Grouped(stages[Stage.Softmax], values);
        if (n.X.Rank == 3)
            result = result.Transpose(0, 2, 1, 3).Regroup(0, 0, -1);
        return [result, keys, values, stages[(Stage)n.Node.GetInt("qk_matmul_output_mode", 0)]];
    }

    /// <summary>An input as (batch, heads, positions, features).</summary>
    private static Value Heads(RuleContext n, int input, string attribute)
    {
        var value = n.Input(input);
        if (value.Rank == 4)
            return value;
        var heads = n.Node.GetInt(attribute, 0);
        return value.Rank == 3 && heads > 0 ? value.Regroup(0, 0, heads, -1).Transpose(0, 2, 1, 3)
            : throw n.Refuse($"input {input} has rank {value.Rank}; it takes rank 4, or rank 3 with the attribute {attribute}.");
    }

    /// <summary>The queries times the scale, by default one over the square root of the number of features.</summary>
    private static Value Scaled(RuleContext n, Value queries)
    {
        if (n.Node.Attributes.TryGetValue("scale", out var scale))
            return queries * scale.Float;
        return queries.Shape![3].Size is { } features ? queries * (1 / Math.Sqrt(features))
            : queries / queries.Size(3).Cast(queries.ElementType).Apply("Sqrt");
    }

    /// <summary>
    /// The product of the matrices of every head. Where several heads on the left share one on the right, they become the rows of one
    /// matrix, so that nothing is repeated.
    /// </summary>
    private static Value Grouped(Value left, Value right)
    {
        var builder = left.Builder;
        if (left.Shape![1].Equals(right.Shape![1]))
            return builder.Op("MatMul", left, right);
        Value Shape(params ReadOnlySpan<Value> sizes) => builder.Node("Concat", sizes, OnnxAttribute.Of("axis", 0))[0];
        var rows = left.Reshape(Shape(left.Size(0), right.Size(1), builder.Integers(-1), left.Size(3)));
        return builder.Op("MatMul", rows, right).Reshape(Shape(left.Size(0), left.Size(1), left.Size(2), right.Size(3)));
    }

    /// <summary>c * tanh(S / c) with c = softcap.</summary>
    private static Value Capped(RuleContext n, Value scores)
    {
        var cap = (double)n.Node.GetFloat("softcap", 0);
        return cap > 0 ? (scores / cap).Apply("Tanh") * cap : scores;
    }

    /// <summary>Adds a mask of numbers; what is hidden gets the lowest finite number, as the runtime has it.</summary>
    private static Value Masked(RuleContext n, Value scores, Value keys)
    {
        Value? hidden = null;
        void Hide(Value condition) => hidden = hidden is null ? condition : n.Builder.Op("Or", hidden, condition);
        if (n.Has(3))
        {
            var mask = Lengthened(n, n.Input(3), keys);
            if (mask.ElementType == OnnxElementType.Bool)
                Hide(mask.Apply("Not"));
            else
                scores += mask;
        }

        if (n.Node.GetInt("is_causal", 0) != 0 && Future(n, scores, keys) is { } future)
            Hide(future);
        if (n.Has(6))
            Hide(n.Builder.Op("GreaterOrEqual", scores.Size(3).Positions(), Filled(n)));
        return hidden is null ? scores : n.Builder.Op("Where", hidden, scores.Like(Lowest(scores.ElementType)), scores);
    }

    /// <summary>A mask shorter than the keys hides the rest of them.</summary>
    private static Value Lengthened(RuleContext n, Value mask, Value keys)
    {
        if (mask.Rank < 2 || mask.Shape![^1].Equals(keys.Shape![2]) || n.Builder.Opset < 24)
            return mask;
        var missing = n.Builder.Op("Sub", keys.Size(2), mask.Size(mask.Rank - 1));
        var amounts = n.Builder.Node("Concat", [n.Builder.Integers(0), missing], OnnxAttribute.Of("axis", 0))[0];
        var fill = n.Builder.Scalar(mask.ElementType == OnnxElementType.Bool ? 0 : double.NegativeInfinity, mask.ElementType);
        return n.Builder.Op("Pad", mask, amounts, fill, n.Builder.Integers(-1));
    }

    /// <summary>
    /// Whether a key lies behind the query, whose position counts from the end of the past, or so that the last query stands at the last
    /// key that is filled. To a single query behind a past the runtime shows every key.
    /// </summary>
    private static Value? Future(RuleContext n, Value scores, Value keys)
    {
        var rows = scores.Size(2).Positions().Unsqueeze(1);
        if (n.Has(6))
            rows = n.Builder.Op("Add", rows, n.Builder.Op("Sub", Filled(n), scores.Size(2)));
        if (n.Has(4))
        {
            var past = n.Input(4).Size(2);
            var single = n.Builder.Op(
                "And", n.Builder.Op("Equal", scores.Size(2), n.Builder.Integers(1)), n.Builder.Op("Greater", past, n.Builder.Integers(0)));
            if (single.Facts.Integers is [1])
                return null;
            rows = n.Builder.Op("Add", rows, single.Facts.Integers is [0] ? past : n.Builder.Op("Where", single, keys.Size(2), past));
        }

        return n.Builder.Op("Greater", scores.Size(3).Positions(), rows);
    }

    /// <summary>How many keys of every element of the batch are filled.</summary>
    private static Value Filled(RuleContext n) => n.Input(6).Reshape(-1, 1, 1, 1);

    private static double Lowest(OnnxElementType type) => type switch
    {
        OnnxElementType.Float16 => (double)Half.MinValue,
        OnnxElementType.Double => double.MinValue,
        _ => float.MinValue,
    };

    /// <summary>Softmax over the keys, in a wider type where one is asked for; zero where every key is hidden.</summary>
    private static Value Softmax(RuleContext n, Value scores)
    {
        var precision = (OnnxElementType)n.Node.GetInt("softmax_precision", 0);
        var wider = precision == OnnxElementType.Double
            || (precision == OnnxElementType.Float && scores.ElementType != OnnxElementType.Double);
        Value Of(Value s) => (wider ? s.Cast(precision) : s).Apply("Softmax", OnnxAttribute.Of("axis", -1)).Cast(s.ElementType);
        var lowest = Lowest(scores.ElementType);
        if (!n.Has(6) && (!n.Has(3) || ShowsAll(n.Input(3).Facts.Constant, lowest)))
            return Of(scores);
        var shown = n.Builder.Op("ReduceMax", scores, n.Builder.Integers(-1)) > lowest;
        // Infinite scores would leave no number to multiply a gradient of zero by.
        var finite = n.Has(3) && n.Input(3).ElementType != OnnxElementType.Bool
            ? n.Builder.Op("Where", shown, scores, scores.Like(0))
            : scores;
        return n.Builder.Op("Where", shown, Of(finite), scores.Like(0));
    }

    private static bool ShowsAll(OnnxTensor? mask, double lowest) =>
        mask is not null
            && Array.TrueForAll(mask.ToDoubleArray(), mask.ElementType == OnnxElementType.Bool ? v => v != 0 : v => v > lowest);
}
