using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Attention and rotary embedding.</content>
internal static partial class RuleCases
{
    private static Operand Bools(long[] shape, params int[] values) =>
        Fix(OnnxTensor.Create<bool>("", shape, Array.ConvertAll(values, v => v != 0)));

    private static IEnumerable<RuleCase> Attending()
    {
        Operand[] plain = [Any(2, 2, 3, 4), Any(2, 2, 5, 4), Any(2, 2, 5, 3)];
        yield return new("Attention", [23, 24], plain);
        yield return new("Attention", [24], plain, F("scale", 0.3f));
        yield return new("Attention", [23, 24], plain, F("softcap", 1.5f));
        yield return new("Attention", [24], plain, I("is_causal", 1));
        yield return new("Attention", [24], plain, I("softmax_precision", 11));
        // Joined heads, some of which share keys and values.
        yield return new("Attention", [23, 24], [Any(2, 3, 8), Any(2, 4, 8), Any(2, 4, 6)], I("q_num_heads", 2), I("kv_num_heads", 2));
        yield return new("Attention", [24], [Any(2, 3, 8), Any(2, 4, 4), Any(2, 4, 6)], I("q_num_heads", 4), I("kv_num_heads", 2),
            I("is_causal", 1));
        yield return new("Attention", [23, 24], [Any(1, 4, 3, 2), Any(1, 2, 4, 2), Any(1, 2, 4, 3)]);
        yield return new("Attention", [24], [Any(2, 3, 3, 2), Any(2, 1, 4, 2), Any(2, 1, 4, 3)], I("q_num_heads", 3), I("kv_num_heads", 1));
        // Masks of numbers and of truth values, broadcast.
        foreach (var mask in new[] { Any(3, 5), Any(2, 3, 5), Any(1, 3, 5), Any(2, 2, 3, 5), Any(2, 1, 3, 5) })
            yield return new("Attention", [24], [.. plain, mask]);
        yield return new("Attention", [23, 24], [.. plain, Any(3, 5)], I("is_causal", 1), F("softcap", 2));
        var bools = Bools([3, 5], 1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1, 1);
        yield return new("Attention", [23, 24], [.. plain, bools]);
        yield return new("Attention", [24], [.. plain, Bools([3, 5], 1, 0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1)], I("is_causal", 1));
        yield return new("Attention", [24], [.. plain, Bools([2, 1, 3, 5], [.. Enumerable.Range(0, 30).Select(i => i % 3 == 0 ? 0 : 1)])]);
        yield return new("Attention", [24],
            [.. plain, Floats([3, 5], [.. Enumerable.Range(0, 15).Select(i => i % 4 == 1 ? float.NegativeInfinity : 0)])]);
        // Keys and values of the past.
        Operand[] past = [Any(2, 2, 2, 4), Any(2, 2, 2, 3)];
        yield return new("Attention", [23, 24], [.. plain, Absent, .. past]) { Outputs = 3, Differentiated = [0, 1, 2] };
        yield return new("Attention", [24], [.. plain, Any(3, 7), .. past], I("is_causal", 1)) { Outputs = 3, Differentiated = [0] };
        yield return new("Attention", [24], [Any(2, 3, 8), Any(2, 4, 4), Any(2, 4, 3), Absent, Any(2, 1, 2, 4), Any(2, 1, 2, 3)],
            I("q_num_heads", 2), I("kv_num_heads", 1)) { Outputs = 3, Differentiated = [0, 1, 2] };
        yield return new("Attention", [24], plain) { Outputs = 3, Differentiated = [1, 2, 0] };
        // The scores as an output.
        foreach (var mode in new[] { 0, 1, 2, 3 })
        {
            yield return new("Attention", [23, 24], [.. plain, Any(3, 5)], I("qk_matmul_output_mode", mode), F("softcap", 1.2f))
            {
                Outputs = 4,
                Differentiated = [0, 3],
            };
            yield return new("Attention", [24], [.. plain, bools], I("qk_matmul_output_mode", mode))
            {
                Outputs = 4,
                Differentiated = mode == 2 ? [0] : [0, 3],
            };
        }

        // How much of the keys is filled.
        yield return new("Attention", [24], [.. plain, Absent, Absent, Absent, Integers(3, 5)]);
        yield return new("Attention", [24], [.. plain, Any(3, 5), Absent, Absent, Integers(2, 4)]);
    }

    /// <summary>Forms where the runtime's kernel decides otherwise than the body in the specification,
    /// which stands in for it in float64.</summary>
    public static IEnumerable<RuleCase> AttentionCorners()
    {
        Operand[] plain = [Any(2, 2, 3, 4), Any(2, 2, 5, 4), Any(2, 2, 5, 3)];
        const float no = float.NegativeInfinity;
        var hiding = Bools([3, 5], 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1);
        foreach (var mode in new[] { 0, 1, 2, 3 })
            yield return new("Attention", [23, 24], [.. plain, hiding], I("qk_matmul_output_mode", mode))
            {
                Outputs = 4,
                Differentiated = mode == 2 ? [0] : [0, 3],
            };
        yield return new("Attention", [24], [.. plain, hiding], I("is_causal", 1), F("softcap", 0.7f));
        yield return new("Attention", [24], [.. plain, Floats([3, 5], no, no, no, no, no, 0, no, 1, -1, 2, no, no, no, no, 0)]);
        yield return new("Attention", [24], [.. plain, Floats([3, 5], no, no, no, no, no, 0, no, 1, -1, 2, no, no, no, no, 0)],
            I("is_causal", 1));
        yield return new("Attention", [24], [.. plain, Floats([1, 3, 5], float.MinValue, float.MinValue, float.MinValue, float.MinValue,
            float.MinValue, 0, 0, 1, -1, 2, 0, 0, 0, 0, 0)])
            // The lowest number of float32 is not that of float64.
            { DoubleTolerance = double.PositiveInfinity };
        // A single query sees all keys behind a past, and only the first without one.
        Operand[] single = [Any(1, 1, 1, 2), Any(1, 1, 3, 2), Any(1, 1, 3, 2)];
        yield return new("Attention", [23, 24], [.. single, Absent, Any(1, 1, 2, 2), Any(1, 1, 2, 2)], I("is_causal", 1)) { Outputs = 3 };
        yield return new("Attention", [24], single, I("is_causal", 1));
        foreach (var filled in new[] { 0, 1, 2, 3, 4, 5 })
            yield return new("Attention", [24], [.. plain, Absent, Absent, Absent, Integers(filled, 5 - filled)], I("is_causal", 1));
        yield return new("Attention", [24], [.. plain, hiding, Absent, Absent, Integers(0, 2)], I("is_causal", 1));
    }

    private static IEnumerable<RuleCase> Rotating()
    {
        var positions = Fix(OnnxTensor.Create<long>("", [2, 3], [0, 2, 1, 3, 0, 0]));
        foreach (var interleaved in new[] { I("interleaved", 0), I("interleaved", 1) })
        {
            yield return new("RotaryEmbedding", [23, 26], [Any(2, 2, 3, 4), Any(4, 2), Any(4, 2), positions], interleaved);
            yield return new("RotaryEmbedding", [23], [Any(2, 2, 3, 4), Any(2, 3, 2), Any(2, 3, 2)], interleaved);
            yield return new("RotaryEmbedding", [23], [Any(2, 3, 8), Any(4, 2), Any(4, 2), positions], interleaved, I("num_heads", 2));
            yield return new("RotaryEmbedding", [23], [Any(2, 3, 8), Any(2, 3, 2), Any(2, 3, 2)], interleaved, I("num_heads", 2));
            yield return new("RotaryEmbedding", [23], [Any(2, 2, 3, 6), Any(4, 2), Any(4, 2), positions], interleaved,
                I("rotary_embedding_dim", 4));
            yield return new("RotaryEmbedding", [23], [Any(2, 3, 12), Any(2, 3, 2), Any(2, 3, 2)], interleaved,
                I("rotary_embedding_dim", 4), I("num_heads", 2));
        }

        yield return new("RotaryEmbedding", [23], [Any(2, 3, 8), Any(4, 2), Any(4, 2), positions], I("num_heads", 2),
            I("rotary_embedding_dim", 4));
    }
}
