namespace DiffeoNN.Onnx.Gradients.Operators.Microsoft;

/// <summary>Words as vectors, and positions as angles.</summary>
internal static class Embeddings
{
    private const float Epsilon = 1e-12f;

    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("EmbedLayerNormalization", GradientRule.Expanded(1, Embed) with { NonDifferentiableInputs = [0, 1, 7, 8] })
        {
            Domain = MicrosoftOperators.Domain, Takes = new(1, 9),
            InputNames =
            [
                "input_ids", "segment_ids", "word_embedding", "position_embedding", "segment_embedding", "gamma", "beta", "mask",
                "position_ids",
            ],
            Attributes = [new("epsilon", OnnxAttributeKind.Float), new("mask_index_type", OnnxAttributeKind.Int)],
            Shapes = EmbedShapes,
        },
        new("RotaryEmbedding", GradientRule.Expanded(1, Rotate) with
        {
            NonDifferentiableInputs = [1], Limits = "Packed batches are refused.",
        })
        {
            Domain = MicrosoftOperators.Domain, Takes = new(4, 4), InputNames = ["input", "position_ids", "cos_cache", "sin_cache"],
            Attributes =
            [
                .. new[] { "interleaved", "num_heads", "rotary_embedding_dim", "is_packed_batching" }
                    .Select(name => new OperatorAttribute(name, OnnxAttributeKind.Int)),
                new("scale", OnnxAttributeKind.Float),
            ],
            Shapes = n => [new(n.Type(0), n.Shape(0))],
        },
    ];

    /// <summary>The sum of the embeddings of words, positions and segments, normalised.</summary>
    private static Value?[] Embed(RuleContext n)
    {
        var ids = n.Input(0);
        var positions = n.Input(3);
        var sum = n.Input(2).Gather(ids) + (n.Has(8) ? positions.Gather(n.Input(8)) : positions.Gather(ids.Size(1).Positions()));
        if (n.Has(1))
            sum += n.Input(4).Gather(n.Input(1));
        var result = SkipNormalisation.Normalised(n, sum, n.Input(5), n.Input(6), n.Node.GetFloat("epsilon", Epsilon))[0];
        return [result, Lengths(n, ids), sum];
    }

    /// <summary>How many words of each row the mask shows.</summary>
    private static Value? Lengths(RuleContext n, Value ids)
    {
        if (n.Node.Outputs.Count < 2 || n.Node.Outputs[1].Length == 0)
            return null;
        var shown = n.Has(7) ? n.Input(7).Cast(OnnxElementType.Int32) : n.Op("Sub", ids, ids).Cast(OnnxElementType.Int32);
        return shown.Sum([1], keep: false);
    }

    private static ValueFacts[] EmbedShapes(InferenceContext n)
    {
        Dim[]? sum = n.Shape(0) is [var batch, var words] && n.Shape(2) is [_, var features] ? [batch, words, features] : null;
        return [new(n.Type(2), sum), new(OnnxElementType.Int32, n.Shape(0) is [var rows, _] ? [rows] : null), new(n.Type(2), sum)];
    }

    private static Value[] Rotate(RuleContext n)
    {
        if (n.Node.GetInt("is_packed_batching", 0) != 0)
            throw n.Refuse("its batch is packed (is_packed_batching); unpack it.");
        return [Rotated(n, n.X, n.Input(1), n.Node.GetInt("num_heads", 0), n.Node.GetInt("rotary_embedding_dim", 0))];
    }

    /// <param name="n">The node; inputs 2 and 3 are the caches of cosines and sines.</param>
    /// <param name="x">(batch, positions, heads * features) or (batch, heads, positions, features).</param>
    /// <param name="position">(batch, positions), or the first position.</param>
    /// <param name="heads">Number of heads; 0 for as many as the caches' width says.</param>
    /// <param name="turned">Number of features that are turned; 0 for all.</param>
    private static Value Rotated(RuleContext n, Value x, Value position, long heads, long turned)
    {
        var joined = x.Rank == 3;
        if (joined)
        {
            x = heads > 0 ? x.Regroup(0, 0, heads, -1)
                : x.Reshape(n.Concat(0, n.Integers(0, 0, -1), n.Op("Mul", n.Input(2).Size(1), n.Integers(2))));
        }

        var places = position.Rank == 2 ? position
            : n.Op("Add", position.Reshape(1, 1), x.Size(joined ? 1 : 2).Positions().Unsqueeze(0));
        var rotated = RotaryEmbedding.Turn(n, turned > 0 ? x.Slice(3, 0, turned) : x, joined ? 2 : 1,
            input => n.Input(input + 1).Gather(places));
        if (turned > 0 && x.Shape![3].Size != turned)
            rotated = n.Concat(3, rotated, x.Slice(3, turned, int.MaxValue));
        return joined ? rotated.Regroup(0, 0, -1) : rotated;
    }
}
