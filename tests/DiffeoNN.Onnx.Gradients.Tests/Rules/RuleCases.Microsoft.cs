using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Operators that ONNX Runtime's optimiser and exporters for it write.</content>
internal static partial class RuleCases
{
    private static int[] Few => [16, 17, 22];

    private static RuleCase Ms(string opType, Operand[] operands, params OnnxAttribute[] attributes) =>
        new(opType, [22], operands, attributes) { Domain = "com.microsoft" };

    private static OnnxTensor Ints(long[] shape, params int[] values) => OnnxTensor.Create<int>("", shape, values);

    private static IEnumerable<RuleCase> Microsoft() =>
    [
        .. MicrosoftActivations(), .. MicrosoftProducts(), .. MicrosoftConvolutions(), .. MicrosoftNormalisations(),
        .. MicrosoftEmbeddings(), .. MicrosoftAttentions(), .. MicrosoftMultiHead(), .. MicrosoftGrouped(), .. MicrosoftMatrices(),
    ];

    private static IEnumerable<RuleCase> MicrosoftActivations()
    {
        yield return Ms("Gelu", [Any(2, 3, 4)]) with { Opsets = Few };
        yield return Ms("QuickGelu", [Any(2, 3, 4)]) with { Opsets = Few };
        yield return Ms("QuickGelu", [Any(2, 3)], F("alpha", 0.7f));
        yield return Ms("BiasGelu", [Any(2, 3, 4), Any(4)]) with { Opsets = Few };
        yield return Ms("FastGelu", [Any(2, 3, 4), Any(4)]) with { Opsets = Few };
        yield return Ms("FastGelu", [Any(2, 3, 4)]);
    }

    private static IEnumerable<RuleCase> MicrosoftProducts()
    {
        yield return Ms("FusedMatMul", [Any(3, 4), Any(4, 2)], F("alpha", 0.3f)) with { Opsets = Few };
        yield return Ms("FusedMatMul", [Any(4, 3), Any(2, 4)], I("transA", 1), I("transB", 1));
        yield return Ms("FusedMatMul", [Any(2, 3, 4), Any(2, 5, 4)], I("transB", 1), F("alpha", 2));
        yield return Ms("FusedMatMul", [Any(2, 2, 4, 3), Any(2, 1, 4, 5)], I("transA", 1));
        yield return Ms("FusedMatMul", [Any(3, 2, 4), Any(2, 4, 5)], I("transBatchA", 1));
        yield return Ms("FusedMatMul", [Any(4, 2, 3), Any(2, 4, 5)], I("transBatchA", 1), I("transA", 1));
        yield return Ms("FusedMatMul", [Any(2, 3, 4), Any(4, 2, 5)], I("transBatchB", 1), F("alpha", -0.5f));
        yield return Ms("FusedMatMul", [Any(3, 2, 2, 4), Any(5, 2, 2, 4)], I("transBatchA", 1), I("transBatchB", 1), I("transB", 1));
        yield return Ms("FusedMatMul", [Any(4), Any(2, 4, 3)], F("alpha", 0.5f));
        yield return Ms("TransposeMatMul", [Any(4, 3), Any(4, 2)], I("transA", 1));
        yield return Ms("FusedGemm", [Any(3, 4), Any(4, 2), Any(2)], S("activation", "Relu")) with { Opsets = Few };
        yield return Ms("FusedGemm", [Any(4, 3), Any(2, 4), Any(3, 2)], S("activation", "Tanh"), I("transA", 1), I("transB", 1),
            F("alpha", 0.3f), F("beta", 0.5f));
        yield return Ms("FusedGemm", [Any(3, 4), Any(4, 2)], S("activation", "LeakyRelu"), F("activation_alpha", 0.3f));
        yield return Ms("FusedGemm", [Any(3, 4), Any(4, 2), Any(1, 2)], S("activation", "HardSigmoid"), F("activation_alpha", 0.05f),
            F("activation_beta", 0.4f));
        yield return Ms("FusedGemm", [Any(3, 4), Any(4, 2), Any(2)], S("activation", "Elu"), F("activation_alpha", 1.5f));
    }

    private static IEnumerable<RuleCase> MicrosoftConvolutions()
    {
        Operand[] three = [Any(1, 2, 5, 5), Any(3, 2, 3, 3), Any(3)];
        yield return Ms("FusedConv", three, S("activation", "Relu")) with { Opsets = Few };
        yield return Ms("FusedConv", three, S("activation", "Sigmoid"), L("pads", 1, 1, 1, 1), L("strides", 2, 2));
        yield return Ms("FusedConv", three, S("activation", "Tanh"), L("dilations", 2, 2), L("kernel_shape", 3, 3));
        yield return Ms("FusedConv", three[..2], S("activation", "LeakyRelu"), Fs("activation_params", 0.2f));
        yield return Ms("FusedConv", three, S("activation", "Clip"), Fs("activation_params", -1.23f, 2.34f));
        yield return Ms("FusedConv", three, S("activation", "HardSigmoid"), Fs("activation_params", 0.03f, 0.45f));
        yield return Ms("FusedConv", [Any(1, 2, 5, 5), Any(4, 1, 3, 3), Any(4)], S("activation", "Tanh"), I("group", 2));
        yield return Ms("FusedConv", [.. three, Any(1, 3, 3, 3)], S("activation", "Relu"));
        yield return Ms("FusedConv", [Any(1, 2, 5, 5), Any(3, 2, 3, 3), Absent, Any(1, 3, 3, 3)]);
    }

    private static IEnumerable<RuleCase> MicrosoftNormalisations()
    {
        yield return new("LayerNormalization", [16], [Any(2, 3, 4), Any(4), Any(4)], F("epsilon", 0.1f));
        yield return new("LayerNormalization", [16], [Any(2, 3, 4), Any(3, 4)], I("axis", 1));
        yield return new("SimplifiedLayerNormalization", Few, [Any(2, 3, 4), Any(4)], F("epsilon", 0.1f));
        yield return new("SimplifiedLayerNormalization", [22], [Any(2, 3, 4), Any(4)]) { Outputs = 2, Differentiated = [0, 1] };
        yield return Ms("SkipLayerNormalization", [Any(2, 3, 4), Any(2, 3, 4), Any(4), Any(4), Any(4)], F("epsilon", 0.1f))
            with { Opsets = Few };
        yield return Ms("SkipLayerNormalization", [Any(2, 3, 4), Any(2, 3, 4), Any(4)]);
        yield return Ms("SkipLayerNormalization", [Any(2, 3, 4), Any(2, 3, 4), Any(4), Absent, Any(4)]);
        yield return Ms("SkipLayerNormalization", [Any(2, 3, 4), Any(1, 3, 4), Any(4), Any(4)]);
        yield return Ms("SkipLayerNormalization", [Any(2, 3, 4), Any(3, 4), Any(4), Any(4)]);
        yield return Ms("SkipLayerNormalization", [Any(3, 4), Any(3, 4), Any(4), Any(4)]);
        yield return Ms("SkipLayerNormalization", [Any(2, 3, 4), Any(2, 3, 4), Any(4), Any(4), Any(4)], F("epsilon", 0.01f))
            with { Outputs = 4, Unnamed = [1, 2], Differentiated = [0, 3], Opsets = Few };
        yield return Ms("SkipSimplifiedLayerNormalization", [Any(2, 3, 4), Any(2, 3, 4), Any(4), Any(4)], F("epsilon", 0.1f))
            with { Opsets = Few };
        yield return Ms("SkipSimplifiedLayerNormalization", [Any(2, 3, 4), Any(2, 3, 4), Any(4)])
            with { Outputs = 4, Unnamed = [1, 2], Differentiated = [0, 3] };
    }

    private static IEnumerable<RuleCase> MicrosoftEmbeddings()
    {
        var ids = Fix(Ints([2, 3], 0, 4, 2, 2, 1, 3));
        var segments = Fix(Ints([2, 3], 0, 1, 1, 0, 0, 1));
        Operand[] tables = [Any(5, 4), Any(3, 4), Any(2, 4), Any(4), Any(4)];
        yield return Ms("EmbedLayerNormalization", [ids.AtRunTime, segments.AtRunTime, .. tables], F("epsilon", 0.1f)) with
            { Outputs = 2, Opsets = Few };
        yield return Ms("EmbedLayerNormalization", [ids, Absent, Any(5, 4), Any(3, 4), Absent, Any(4), Any(4)]) with { Outputs = 2 };
        yield return Ms("EmbedLayerNormalization",
            [ids, segments, .. tables, Fix(Ints([2, 3], 1, 1, 0, 1, 1, 1)), Fix(Ints([2, 3], 2, 0, 1, 1, 1, 0))]) with
            { Outputs = 3, Differentiated = [0, 2] };

        Operand[] caches = [Unit(6, 2), Unit(6, 2)];
        var places = Fix([2, 3], 0, 4, 2, 1, 2, 3);
        yield return Ms("RotaryEmbedding", [Any(2, 3, 8), places, .. caches]) with { Opsets = Few };
        yield return Ms("RotaryEmbedding", [Any(2, 3, 8), places.AtRunTime, .. caches], I("interleaved", 1), I("num_heads", 2));
        yield return Ms("RotaryEmbedding", [Any(2, 2, 3, 4), places, .. caches]);
        yield return Ms("RotaryEmbedding", [Any(2, 2, 3, 4), places, .. caches], I("interleaved", 1));
        yield return Ms("RotaryEmbedding", [Any(2, 3, 8), Fix([1], 2), .. caches]);
        yield return Ms("RotaryEmbedding", [Any(2, 3, 12), places, .. caches], I("rotary_embedding_dim", 4), I("num_heads", 2));
    }

    private static IEnumerable<RuleCase> MicrosoftAttentions()
    {
        Operand[] plain = [Any(2, 3, 4), Any(4, 12), Any(12)];
        yield return Ms("Attention", plain, I("num_heads", 2)) with { Opsets = Few };
        yield return Ms("Attention", plain, I("num_heads", 2), I("unidirectional", 1), F("scale", 0.3f)) with { Opsets = Few };
        yield return Ms("Attention", [Any(2, 3, 4), Any(4, 14), Any(14)], I("num_heads", 2), L("qkv_hidden_sizes", 4, 4, 6));
        // Lengths, ends and starts, and masks of each key or each pair.
        yield return Ms("Attention", [.. plain, Fix(Ints([2], 2, 3))], I("num_heads", 2));
        yield return Ms("Attention", [.. plain, Fix(Ints([4], 2, 3, 0, 1))], I("num_heads", 2));
        yield return Ms("Attention", [.. plain, Fix(Ints([2, 3], 1, 0, 1, 1, 1, 0)).AtRunTime], I("num_heads", 2)) with { Opsets = Few };
        yield return Ms("Attention", [.. plain, Fix(Ints([2, 3], 1, 1, 1, 1, 1, 0))], I("num_heads", 2), I("unidirectional", 1));
        yield return Ms("Attention", [.. plain, Fix(Ints([2, 3, 3], [.. Enumerable.Range(0, 18).Select(i => i % 4 == 1 ? 0 : 1)]))],
            I("num_heads", 2), F("mask_filter_value", -2.5f));
        foreach (var bias in new[] { Any(2, 2, 3, 3), Any(1, 2, 3, 3) })
            yield return Ms("Attention", [.. plain, Absent, Absent, bias], I("num_heads", 2));
        yield return Ms("Attention", [.. plain, Absent, Any(2, 2, 2, 2, 2)], I("num_heads", 2)) with
            { Outputs = 2, Differentiated = [0, 1] };
        yield return Ms("Attention", [.. plain, Fix(Ints([2, 5], 1, 1, 0, 1, 1, 0, 1, 1, 1, 1)), Any(2, 2, 2, 2, 2)], I("num_heads", 2),
            I("unidirectional", 1)) with { Outputs = 2, Differentiated = [0] };
    }

    private static IEnumerable<RuleCase> MicrosoftMultiHead()
    {
        Operand[] plain = [Any(2, 3, 4), Any(2, 5, 4), Any(2, 5, 6)];
        yield return Ms("MultiHeadAttention", plain, I("num_heads", 2)) with { Opsets = Few };
        yield return Ms("MultiHeadAttention", [.. plain, Any(14)], I("num_heads", 2), F("scale", 0.4f)) with { Opsets = Few };
        yield return Ms("MultiHeadAttention", [.. plain, Absent, Fix(Ints([2], 4, 5))], I("num_heads", 2));
        yield return Ms("MultiHeadAttention", [.. plain, Absent, Fix(Ints([2, 5], 1, 1, 0, 1, 1, 1, 1, 1, 0, 0)).AtRunTime],
            I("num_heads", 2));
        yield return Ms("MultiHeadAttention", [.. plain, Absent, Absent, Any(1, 2, 3, 5)], I("num_heads", 2));
        yield return Ms("MultiHeadAttention", [Any(2, 3, 4), Any(2, 3, 4), Any(2, 3, 4)], I("num_heads", 2), I("unidirectional", 1));
        yield return Ms("MultiHeadAttention", [Any(2, 3, 4), Any(2, 2, 5, 2), Any(2, 2, 5, 2)], I("num_heads", 2));
        yield return Ms("MultiHeadAttention",
            [Any(2, 3, 4), Any(2, 3, 4), Any(2, 3, 4), Absent, Absent, Absent, Any(2, 2, 2, 2), Any(2, 2, 2, 2)], I("num_heads", 2)) with
            { Outputs = 3, Differentiated = [0, 1, 2] };
    }

    private static IEnumerable<RuleCase> MicrosoftGrouped()
    {
        Operand[] lengths = [Absent, Absent, Fix(Ints([2], 2, 2)), Fix(OnnxTensor.Scalar("", 3))];
        OnnxAttribute[] heads = [I("num_heads", 4), I("kv_num_heads", 2)];
        RuleCase Row(Operand[] operands, params OnnxAttribute[] attributes) =>
            Ms("GroupQueryAttention", operands, [.. heads, .. attributes]) with { Outputs = 3 };
        yield return Row([Any(2, 3, 32), Any(2, 3, 16), Any(2, 3, 16), .. lengths]) with { Opsets = Few };
        yield return Row([Any(2, 3, 64), Absent, Absent, .. lengths]);
        yield return Row([Any(2, 3, 32), Any(2, 3, 16), Any(2, 3, 16), .. lengths], F("scale", 0.3f), F("softcap", 1.5f));
        yield return Row([Any(2, 3, 32), Any(2, 3, 16), Any(2, 3, 16), .. lengths], I("local_window_size", 2));
        yield return Row([Any(2, 3, 32), Any(2, 3, 16), Any(2, 3, 16), .. lengths]) with { Differentiated = [0, 1, 2] };
    }

    private static IEnumerable<RuleCase> MicrosoftMatrices()
    {
        yield return Ms("Inverse", [Values([2, 2, 2], 2, 0.5, 1, 3, -1, 0.5, 2, 1.5)]) with { Opsets = Few };
        yield return Ms("Trilu", [Any(2, 3, 4)]) with { Opsets = Few };
        yield return Ms("Trilu", [Any(4, 3), Fix(OnnxTensor.Scalar("", 1L))], I("upper", 0));
    }
}
