using System.Text;

namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>The table of rules as a document for people.</summary>
internal static class CoverageDocument
{
    /// <summary>Names of the inputs of operators that have several, as the specification has them.</summary>
    private static readonly Dictionary<string, string> Inputs = new()
    {
        ["Add"] = "A B", ["Sub"] = "A B", ["Mul"] = "A B", ["Div"] = "A B", ["Pow"] = "X Y", ["Mod"] = "A B", ["PRelu"] = "X slope",
        ["AffineGrid"] = "theta size",
        ["Attention"] = "Q K V attn_mask past_key past_value nonpad_kv_seqlen",
        ["BatchNormalization"] = "X scale B input_mean input_var",
        ["CastLike"] = "input target_type",
        ["CenterCropPad"] = "input_data shape",
        ["Clip"] = "input min max",
        ["Col2Im"] = "input image_shape block_shape",
        ["Compress"] = "input condition",
        ["Conv"] = "X W B", ["ConvTranspose"] = "X W B",
        ["DequantizeLinear"] = "x x_scale x_zero_point",
        ["DFT"] = "input dft_length axis",
        ["DeformConv"] = "X W offset B mask",
        ["Dropout"] = "data ratio training_mode",
        ["Expand"] = "input shape",
        ["GRU"] = "X W R B sequence_lens initial_h", ["RNN"] = "X W R B sequence_lens initial_h",
        ["LSTM"] = "X W R B sequence_lens initial_h initial_c P",
        ["Gather"] = "data indices", ["GatherElements"] = "data indices", ["GatherND"] = "data indices",
        ["Gemm"] = "A B C",
        ["GridSample"] = "X grid",
        ["GroupNormalization"] = "X scale bias",
        ["InstanceNormalization"] = "input scale B",
        ["LayerNormalization"] = "X Scale B",
        ["MatMul"] = "A B",
        ["MaxRoiPool"] = "X rois",
        ["MaxUnpool"] = "X I output_shape",
        ["NegativeLogLikelihoodLoss"] = "input target weight",
        ["OneHot"] = "indices depth values",
        ["Pad"] = "data pads constant_value axes",
        ["RMSNormalization"] = "X scale",
        ["Range"] = "start limit delta",
        ["Reshape"] = "data shape", ["Squeeze"] = "data axes", ["Unsqueeze"] = "data axes", ["Tile"] = "input repeats",
        ["Trilu"] = "input k",
        ["Resize"] = "X roi scales sizes", ["Upsample"] = "X scales",
        ["ReverseSequence"] = "input sequence_lens",
        ["RoiAlign"] = "X rois batch_indices",
        ["RotaryEmbedding"] = "X cos_cache sin_cache position_ids",
        ["STFT"] = "signal frame_step window frame_length",
        ["ScatterElements"] = "data indices updates", ["ScatterND"] = "data indices updates", ["Scatter"] = "data indices updates",
        ["Slice"] = "data starts ends axes steps",
        ["SoftmaxCrossEntropyLoss"] = "scores labels weights",
        ["Split"] = "input split",
        ["TensorScatter"] = "past_cache update write_indices",
        ["TopK"] = "X K",
        ["Where"] = "condition X Y",
        ["CumSum"] = "x axis", ["CumProd"] = "x axis",
    };

    public static string Create()
    {
        var text = new StringBuilder();
        text.Append($"""
            # Operators with a gradient

            Made from the table of rules, `GradientRules.All`; a test compares the two. Rewrite it with

            ```sh
            {CoverageDocumentTests.Command}
            ```

            **Form since** is the first version of the operator set with the form that a rule handles; it holds until the next version
            listed, or the newest. Models older than operator set {GradientCompiler.MinimumOpset} are rewritten for it first.
            **Differentiable inputs** are those that a derivative flows to; the others are shapes, indices, masks and the like. **Limits**
            says what is refused with a reason, and what else is worth knowing. Everywhere: sizes may be free unless the table says
            otherwise; the number of dimensions must be known where the formula needs it; sequences, maps and optional values carry no
            gradient.

            | Operator | Form since | Differentiable inputs | Limits |
            | --- | --- | --- | --- |

            """.ReplaceLineEndings("\n"));
        foreach (var rules in GradientRules.All.Where(r => !r.IsStop).GroupBy(r => (r.Domain, r.OpType)).OrderBy(
            g => g.Key.OpType, StringComparer.Ordinal))
        {
            var versions = string.Join(", ", rules.Select(r => r.SinceVersion).Order());
            var inputs = string.Join("; ", rules.OrderBy(r => r.SinceVersion).Select(Differentiable).Distinct());
            var limits = string.Join(" ", rules.OrderBy(r => r.SinceVersion).Select(r => r.Limits).Where(l => l is not null).Distinct());
            text.Append($"| {(rules.Key.Domain.Length > 0 ? rules.Key.Domain + "." : "")}{rules.Key.OpType} | "
                + $"{versions} | {inputs} | {limits} |\n");
        }

        text.Append("\n`If`, `Loop` and `Scan` have no row: a choice becomes a choice between gradients, a loop one that runs backwards. A "
            + "loop whose states change\n");
        text.Append("their shapes from step to step must have a known, small number of steps; it is written out.\n");
        text.Append("\nThe gradient stops without error, because the derivative is zero wherever it exists or the output is "
            + "no floating point value, at\n");
        text.Append(
            string.Join(", ", GradientRules.All.Where(r => r.IsStop).Select(r => r.OpType).Distinct().Order(StringComparer.Ordinal)));
        return text.Append(".\n").ToString();
    }

    private static string Differentiable(GradientRule rule)
    {
        var excluded = rule.NonDifferentiableInputs;
        var names = rule.OpType.StartsWith("Reduce", StringComparison.Ordinal) ? "data axes" : Inputs.GetValueOrDefault(rule.OpType);
        if (names is not null)
            return string.Join(", ", names.Split(' ').Where((_, i) => !excluded.Contains(i)));
        return excluded.Count == 0 ? "all" : $"all but number {string.Join(", ", excluded)}";
    }
}
