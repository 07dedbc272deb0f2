namespace DiffeoNN.Onnx.Gradients.Operators.Microsoft;

/// <summary>com.microsoft.Attention: queries, keys and values come from one product with one matrix of weights.</summary>
internal static class PackedAttention
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Attention", GradientRule.Expanded(1, Attend) with
        {
            NonDifferentiableInputs = [3, 6],
            Limits = "Masks of rank 4, shared buffers of the past and rotation inside the operator are refused.",
        })
        {
            Domain = MicrosoftOperators.Domain, Takes = new(2, 7),
            InputNames = ["input", "weights", "bias", "mask_index", "past", "attention_bias", "past_sequence_length"],
            Attributes =
            [
                new("num_heads", OnnxAttributeKind.Int) { IsRequired = true }, new("qkv_hidden_sizes", OnnxAttributeKind.Ints),
                .. new[] { "unidirectional", "past_present_share_buffer", "do_rotary", "rotary_embedding_dim" }
                    .Select(name => new OperatorAttribute(name, OnnxAttributeKind.Int)),
                new("mask_filter_value", OnnxAttributeKind.Float), new("scale", OnnxAttributeKind.Float),
            ],
            Shapes = Shapes,
        },
    ];

    private static Value?[] Attend(RuleContext n)
    {
        if (n.Node.GetInt("past_present_share_buffer", 0) != 0)
            throw n.Refuse("past and present share a buffer (past_present_share_buffer).");
        if (n.Node.GetInt("do_rotary", 0) != 0)
            throw n.Refuse("it turns queries and keys itself (do_rotary); com.microsoft.RotaryEmbedding before it does the same.");
        var heads = n.Node.GetInt("num_heads", 0);
        var product = n.Op("MatMul", n.X, n.Input(1));
        if (n.Has(2))
            product += n.Input(2);
        var parts = Parts(n, product).Select(part => HeadedAttention.Heads(part, heads)).ToList();
        var (queries, keys, values) = (parts[0], parts[1], parts[2]);
        if (n.Has(4))
        {
            keys = n.Concat(2, n.Input(4).At(0, 0), keys);
            values = n.Concat(2, n.Input(4).At(0, 1), values);
        }

        var scores = HeadedAttention.Masked(n, HeadedAttention.Scores(n, queries, keys), 3);
        if (n.Has(5))
            scores += n.Input(5);
        if (n.Node.GetInt("unidirectional", 0) != 0)
            scores = HeadedAttention.Causal(n, scores);
        var result = HeadedAttention.Joined(n.Op("MatMul", HeadedAttention.Softmax(scores), values));
        return [result, n.Node.Outputs.Count > 1 ? n.Concat(0, keys.Unsqueeze(0), values.Unsqueeze(0)) : null];
    }

    /// <summary>Queries, keys and values, as wide as the node says or each a third.</summary>
    private static IReadOnlyList<Value> Parts(RuleContext n, Value product)
    {
        if (n.Node.GetInts("qkv_hidden_sizes") is { Count: 3 } sizes)
            return n.Add("Split", [product, n.Integers([.. sizes])], [OnnxAttribute.Of("axis", 2)], outputs: 3);
        OnnxAttribute[] thirds = n.Opset >= 18 ? [OnnxAttribute.Of("num_outputs", 3)] : [];
        return n.Add("Split", [product], [OnnxAttribute.Of("axis", 2), .. thirds], outputs: 3);
    }

    private static ValueFacts[] Shapes(InferenceContext n)
    {
        if (n.Shape(0) is not [var batch, var positions, _] || n.Shape(1) is not [_, var all])
            return [new(n.Type(0), null), new(n.Type(0), null)];
        var heads = n.Node.GetInt("num_heads", 1);
        Dim[] sizes = n.Node.GetInts("qkv_hidden_sizes") is { Count: 3 } given ? [given[0], given[1], given[2]]
            : [.. Enumerable.Repeat(Dim.FloorDivide(all, 3), 3)];
        var keys = !n.Has(4) ? positions : n.Shape(4) is { Length: 5 } past ? past[3] + positions : n.Unknown(3, 1);
        return [new(n.Type(0), [batch, positions, sizes[2]]),
            new(n.Type(0), n.Node.Outputs.Count > 1 ? [2, batch, heads, keys, Dim.FloorDivide(sizes[1], heads)] : null)];
    }
}
