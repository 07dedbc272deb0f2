namespace DiffeoNN.Onnx.Gradients.Operators.Microsoft;

/// <summary>com.microsoft.MultiHeadAttention: queries, keys and values come from outside.</summary>
internal static class MultiHeadAttention
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("MultiHeadAttention", GradientRule.Expanded(1, Attend) with
        {
            NonDifferentiableInputs = [4, 8, 9],
            Limits = "Packed queries, keys and values (rank 5) and buffers of the past are refused.",
        })
        {
            Domain = MicrosoftOperators.Domain, Takes = new(1, 10),
            InputNames =
            [
                "query", "key", "value", "bias", "key_padding_mask", "attention_bias", "past_key", "past_value", "past_sequence_length",
                "cache_indirection",
            ],
            Attributes =
            [
                new("num_heads", OnnxAttributeKind.Int) { IsRequired = true }, new("unidirectional", OnnxAttributeKind.Int),
                new("mask_filter_value", OnnxAttributeKind.Float), new("scale", OnnxAttributeKind.Float),
            ],
            Shapes = Shapes,
        },
    ];

    private static Value?[] Attend(RuleContext n)
    {
        if (n.X.Rank != 3 || !n.Has(1) || !n.Has(2))
            throw n.Refuse("its queries, keys and values are packed into one input; unpack them.");
        if (n.Has(8) || n.Has(9))
            throw n.Refuse("its past lies in a buffer (past_sequence_length, cache_indirection).");
        var heads = n.Node.GetInt("num_heads", 0);
        var inputs = Biased(n);
        var queries = HeadedAttention.Heads(inputs[0], heads);
        var (keys, values) = (Headed(n, inputs[1], heads), Headed(n, inputs[2], heads));
        if (n.Has(6))
            keys = n.Concat(2, n.Input(6), keys);
        if (n.Has(7))
            values = n.Concat(2, n.Input(7), values);
        var scores = HeadedAttention.Masked(n, HeadedAttention.Scores(n, queries, keys), 4);
        if (n.Has(5))
            scores += n.Input(5);
        if (n.Node.GetInt("unidirectional", 0) != 0)
        {
            if (!n.Has(6) && scores.Shape is [.., { Size: { } asked }, { Size: { } held }] && asked != held)
                throw n.Refuse($"it is unidirectional with {asked} queries and {held} keys, of which none is past.");
            scores = HeadedAttention.Causal(n, scores);
        }

        return [HeadedAttention.Joined(n.Op("MatMul", HeadedAttention.Softmax(scores), values)), keys, values];
    }

    /// <summary>Keys or values, which have their heads already where they come from another layer.</summary>
    private static Value Headed(RuleContext n, Value value, long heads) => value.Rank switch
    {
        3 => HeadedAttention.Heads(value, heads),
        4 => value,
        var rank => throw n.Refuse($"'{value.Name}' has rank {rank}; ranks 3 and 4 are taken."),
    };

    /// <summary>Queries, keys and values, each with its part of the bias, which holds all three one behind the other.</summary>
    private static Value[] Biased(RuleContext n)
    {
        Value[] inputs = [n.X, n.Input(1), n.Input(2)];
        if (!n.Has(3))
            return inputs;
        if (Array.Exists(inputs, i => i.Rank != 3))
            throw n.Refuse("it has a bias for keys and values that have their heads already.");
        var widths = n.Concat(0, [.. inputs.Select(i => i.Size(2))]);
        var parts = n.Add("Split", [n.Input(3), widths], [OnnxAttribute.Of("axis", 0)], outputs: 3);
        return [.. inputs.Select((input, i) => input + parts[i])];
    }

    private static ValueFacts[] Shapes(InferenceContext n)
    {
        var heads = n.Node.GetInt("num_heads", 1);
        Dim[]? Headed(int input, int past)
        {
            if (n.Shape(input) is { Length: 4 } shape)
                return shape;
            if (n.Shape(input) is not [var batch, var positions, var features])
                return null;
            var all = !n.Has(past) ? positions : n.Shape(past) is { Length: 4 } before ? before[2] + positions : n.Unknown(2, past - 5);
            return [batch, heads, all, Dim.FloorDivide(features, heads)];
        }

        var (keys, values) = (Headed(1, 6), Headed(2, 7));
        Dim[]? result = n.Shape(0) is [var rows, var queries, _] && values is not null
            ? [rows, queries, n.Shape(2) is [_, _, var width] ? width : values[3] * heads] : null;
        return [new(n.Type(0), result), new(n.Type(0), keys), new(n.Type(0), values)];
    }
}
