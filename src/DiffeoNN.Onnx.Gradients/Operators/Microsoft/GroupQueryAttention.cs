namespace DiffeoNN.Onnx.Gradients.Operators.Microsoft;

/// <summary>com.microsoft.GroupQueryAttention: several heads of queries share one of keys and values, and each query sees the keys
/// before it.</summary>
internal static class GroupQueryAttention
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("GroupQueryAttention", GradientRule.Expanded(1, Attend) with
        {
            NonDifferentiableInputs = [5, 6, 9, 12, 13],
            Limits = "The whole sequence at once: a past, rotation inside the operator, quantised caches and sinks are refused.",
        })
        {
            Domain = MicrosoftOperators.Domain, Takes = new(1, 14),
            InputNames =
            [
                "query", "key", "value", "past_key", "past_value", "seqlens_k", "total_sequence_length", "cos_cache", "sin_cache",
                "position_ids", "attention_bias", "head_sink", "k_scale", "v_scale",
            ],
            Attributes =
            [
                new("num_heads", OnnxAttributeKind.Int) { IsRequired = true },
                new("kv_num_heads", OnnxAttributeKind.Int) { IsRequired = true },
                .. new[] { "do_rotary", "rotary_interleaved", "local_window_size", "smooth_softmax" }
                    .Select(name => new OperatorAttribute(name, OnnxAttributeKind.Int)),
                new("scale", OnnxAttributeKind.Float), new("softcap", OnnxAttributeKind.Float),
            ],
            Shapes = Shapes,
        },
    ];

    private static Value?[] Attend(RuleContext n)
    {
        if (n.Node.GetInt("do_rotary", 0) != 0)
            throw n.Refuse("it turns queries and keys itself (do_rotary); com.microsoft.RotaryEmbedding before it does the same.");
        if (n.Node.GetInt("smooth_softmax", 0) > 0 || n.Has(11) || n.Has(12) || n.Has(13))
            throw n.Refuse("its softmax has a sink, or its keys and values are quantised.");
        if (new[] { 3, 4 }.Any(i => n.Has(i) && n.Input(i).Shape?[2].Size != 0))
            throw n.Refuse("it has keys and values of the past, whose place in the present depends on lengths; give the whole sequence.");
        var (heads, shared) = (n.Node.GetInt("num_heads", 0), n.Node.GetInt("kv_num_heads", 0));
        var (queries, keys, values) = Unpacked(n, heads, shared);
        var scores = Capped(n, HeadedAttention.Scores(n, queries, Repeated(n, keys, heads, shared)));
        if (n.Has(10))
            scores += n.Input(10);
        scores = HeadedAttention.Causal(n, scores, Math.Max(0, n.Node.GetInt("local_window_size", -1)));
        var result = n.Op("MatMul", HeadedAttention.Softmax(scores), Repeated(n, values, heads, shared));
        return [HeadedAttention.Joined(result), keys, values];
    }

    private static (Value Queries, Value Keys, Value Values) Unpacked(RuleContext n, long heads, long shared)
    {
        if (n.Has(1))
            return (HeadedAttention.Heads(n.X, heads), HeadedAttention.Heads(n.Input(1), shared),
                HeadedAttention.Heads(n.Input(2), shared));
        var all = HeadedAttention.Heads(n.X, heads + (2 * shared));
        return (all.Slice(1, 0, heads), all.Slice(1, heads, heads + shared), all.Slice(1, heads + shared, heads + (2 * shared)));
    }

    /// <summary>Each head once for every head of queries that shares it.</summary>
    private static Value Repeated(RuleContext n, Value value, long heads, long shared)
    {
        if (heads == shared)
            return value;
        return value.Gather(n.Integers([.. Enumerable.Range(0, (int)heads).Select(h => h / (heads / shared))]), 1);
    }

    private static Value Capped(RuleContext n, Value scores)
    {
        double cap = n.Node.GetFloat("softcap", 0);
        return cap > 0 ? (scores / cap).Apply("Tanh") * cap : scores;
    }

    private static ValueFacts[] Shapes(InferenceContext n)
    {
        var (heads, shared) = (n.Node.GetInt("num_heads", 1), n.Node.GetInt("kv_num_heads", 1));
        if (n.Shape(0) is not [var batch, var positions, var width])
            return [new(n.Type(0), null), new(n.Type(0), null), new(n.Type(0), null)];
        var features = Dim.FloorDivide(width, n.Has(1) ? heads : heads + (2 * shared));
        var present = new ValueFacts(n.Type(0), [batch, shared, n.Has(3) ? n.Unknown(2, 1) : positions, features]);
        return [new(n.Type(0), [batch, positions, features * heads]), present, present];
    }
}
