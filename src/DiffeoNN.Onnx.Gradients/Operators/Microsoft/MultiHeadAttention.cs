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
        var queries = HeadedAttention.Heads(Biased(n, n.X, Start(n, 0)), heads);
        var (keys, values) = (Other(n, 1, heads), Other(n, 2, heads));
        if (n.Has(6))
            keys = n.Concat(2, n.Input(6), keys);
        if (n.Has(7))
            values = n.Concat(2, n.Input(7), values);
        var scores = HeadedAttention.Masked(n, HeadedAttention.Scores(n, queries, keys), 4);
        if (n.Has(5))
            scores += n.Input(5);
        if (n.Node.GetInt("unidirectional", 0) != 0)
            scores = HeadedAttention.Causal(n, scores);
        return [HeadedAttention.Joined(n.Op("MatMul", HeadedAttention.Softmax(scores), values)), keys, values];
    }

    /// <summary>Keys (1) or values (2), which have their heads already where they come from another layer.</summary>
    private static Value Other(RuleContext n, int input, long heads)
    {
        var value = n.Input(input);
        return value.Rank switch
        {
            3 => HeadedAttention.Heads(Biased(n, value, Start(n, input)), heads),
            4 => value,
            var rank => throw n.Refuse($"input {input} has rank {rank}; ranks 3 and 4 are taken."),
        };
    }

    /// <summary>Adds the part of the bias, which is those of queries, keys and values one behind the other, that belongs to a
    /// value.</summary>
    private static Value Biased(RuleContext n, Value value, Func<long> start) => !n.Has(3) ? value
        : value + n.Input(3).Slice(0, start(), start() + Width(n, value));

    private static Func<long> Start(RuleContext n, int input) => () => Enumerable.Range(0, input).Sum(i => Width(n, n.Input(i)));

    private static long Width(RuleContext n, Value value) => value.Rank == 3 && value.Shape![2].Size is { } size ? size
        : throw n.Refuse("its bias is cut by the widths of queries, keys and values, which are not known.");

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
