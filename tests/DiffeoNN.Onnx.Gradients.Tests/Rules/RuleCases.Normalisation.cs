using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Normalisations.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Normalising()
    {
        foreach (var shape in new long[][] { [4, 3], [2, 3, 4], [2, 3, 2, 2], [2, 2, 2, 1, 3] })
        {
            Operand[] operands = [Any(shape), Any(shape[1]), Any(shape[1]), Any(shape[1]), Positive(shape[1])];
            yield return new("BatchNormalization", [7, 9, 14, 15], operands);
            // A trained batch: the running statistics are outputs too.
            yield return new("BatchNormalization", [14, 15], operands, I("training_mode", 1), F("epsilon", 0.1f))
            {
                Outputs = 3,
                Differentiated = [0, 1, 2],
            };
        }

        // So were they in old versions, where their presence alone said so.
        yield return new("BatchNormalization", [7, 9], [Any(4, 3, 2), Any(3), Any(3), Any(3), Positive(3)], F("momentum", 0.7f))
        {
            Outputs = 5,
            Differentiated = [0, 1, 2],
        };
        yield return new("BatchNormalization", [15], [Any(4, 3), Any(3), Any(3), Any(3), Positive(3)], F("epsilon", 0.1f));
        yield return new("BatchNormalization", [15], [Any(4, 3, 2), Any(3), Any(3), Floats([3], 1, 2, 3), Floats([3], 1, 2, 3)],
            I("training_mode", 1))
            { Outputs = 3 };
        yield return new("BatchNormalization", [15], [Any(4, 3, 2), Floats([3], 1, 2, 3), Floats([3], 1, 2, 3), Any(3), Any(3)],
            I("training_mode", 1), F("momentum", 0.6f)) { Outputs = 3, Differentiated = [1, 2] };

        yield return new("InstanceNormalization", [7, 22], [Any(2, 3, 4, 2), Any(3), Any(3)], F("epsilon", 0.01f));
        yield return new("InstanceNormalization", [7], [Any(2, 3, 5), Any(3), Any(3)]);
        yield return new("InstanceNormalization", [22], [Any(2, 2, 2, 2, 3), Any(2), Any(2)]);

        yield return new("GroupNormalization", [18, 20], [Any(2, 4, 3, 2), Any(2), Any(2)], I("num_groups", 2));
        yield return new("GroupNormalization", [18], [Any(2, 4, 5), Any(4), Any(4)], I("num_groups", 4), F("epsilon", 0.1f));
        // Statistics are rounded to float32 unless float64 (11) is asked for, so that the differences of the first row are noisy.
        yield return new("GroupNormalization", [21, 26], [Any(2, 4, 3, 2), Any(4), Any(4)], I("num_groups", 2)) { DoubleTolerance = 1e-3 };
        yield return new("GroupNormalization", [21, 26], [Any(2, 4, 3, 2), Any(4), Any(4)], I("num_groups", 2), I("stash_type", 11));
        yield return new("GroupNormalization", [21], [Any(2, 6), Any(6), Any(6)], I("num_groups", 2), I("stash_type", 11),
            F("epsilon", 0.1f));
        yield return new("GroupNormalization", [21], [Any(1, 3, 2, 2, 2), Any(3), Any(3)], I("num_groups", 1), I("stash_type", 11));

        foreach (var row in LayerNormalisations().Concat(RootMeanSquares()))
            yield return row;

        yield return new("LpNormalization", [7, 22], [Any(2, 3, 4)]);
        yield return new("LpNormalization", [7, 22], [Any(2, 3, 4)], I("axis", 1), I("p", 1));
        yield return new("LpNormalization", [22], [Any(3, 4)], I("axis", -2), I("p", 2));
        yield return new("LpNormalization", [22], [Any(5)], I("axis", 0), I("p", 1));
        yield return new("MeanVarianceNormalization", [9, 13], [Any(2, 3, 2, 4)]);
        yield return new("MeanVarianceNormalization", [13], [Any(2, 3, 5)], L("axes", 0, 2));
        yield return new("MeanVarianceNormalization", [13], [Any(3, 4)], L("axes", -1));
        yield return new("LRN", [7, 13], [Any(2, 5, 2, 3)], I("size", 3), F("alpha", 0.5f), F("bias", 1.5f));
        yield return new("LRN", [13], [Any(1, 6, 2, 2)], I("size", 5), F("alpha", 0.9f), F("beta", 0.6f));
    }

    private static IEnumerable<RuleCase> LayerNormalisations()
    {
        yield return new("LayerNormalization", [17, 22], [Any(2, 3, 4), Any(4), Any(4)]);
        yield return new("LayerNormalization", [17], [Any(2, 3, 4), Any(3, 4)], I("axis", 1), F("epsilon", 0.1f));
        yield return new("LayerNormalization", [17], [Any(2, 3, 4), Any(2, 3, 4), Any(2, 3, 4)], I("axis", -3));
        // The three outputs together and each of the statistics alone.
        foreach (var differentiated in new int[][] { [0, 1, 2], [1], [2], [0, 1], [1, 2] })
        {
            Operand[] operands = differentiated[0] == 0 ? [Any(2, 3, 4), Any(4), Any(4)] : [Any(2, 3, 4), Floats([4], 1, 2, 3, 4)];
            yield return new("LayerNormalization", [17], operands, F("epsilon", 0.1f)) { Outputs = 3, Differentiated = differentiated };
        }

        yield return new("LayerNormalization", [17], [Any(2, 3, 4), Any(3, 4)], I("axis", 1)) { Outputs = 3, Differentiated = [0, 1, 2] };
    }

    private static IEnumerable<RuleCase> RootMeanSquares()
    {
        yield return new("RMSNormalization", [23, 26], [Any(2, 3, 4), Any(4)]);
        yield return new("RMSNormalization", [23], [Any(2, 3, 4), Any(3, 4)], I("axis", 1), F("epsilon", 0.1f), I("stash_type", 1));
        yield return new("RMSNormalization", [23], [Any(2, 3, 4), Any(2, 3, 4)], I("axis", 0));
        yield return new("RMSNormalization", [23], [Any(2, 3, 4), Any(4)], I("axis", 1));
    }

    private static IEnumerable<RuleCase> Scanning()
    {
        foreach (var (exclusive, reverse) in new[] { (0, 0), (1, 0), (0, 1), (1, 1) })
        {
            yield return new("CumSum", [11, 14], [Any(2, 4), Fix(OnnxTensor.Scalar("", 1L))], I("exclusive", exclusive),
                I("reverse", reverse));
            yield return new("CumProd", [26], [Any(2, 4), Fix(OnnxTensor.Scalar("", 1L))], I("exclusive", exclusive),
                I("reverse", reverse));
        }

        yield return new("CumSum", [11, 14], [Any(2, 3, 2), Fix(OnnxTensor.Create<int>("", [1], [-2]))]);
        yield return new("CumSum", [14], [Any(2, 3, 2), Fix(OnnxTensor.Scalar("", 1L)).AtRunTime], I("reverse", 1));
        yield return new("CumProd", [26], [Any(2, 3, 2), Fix(OnnxTensor.Scalar("", -3L))]);
        foreach (var axis in new[] { 0, 1, -1 })
            yield return new("CumProd", [26], [Any(2, 3, 2), Fix(OnnxTensor.Scalar("", axis)).AtRunTime]);
        yield return new("CumProd", [26], [Values([5], 2, 0, 3, 0, 1.5), Fix(OnnxTensor.Scalar("", 0))]);
    }

    private static IEnumerable<RuleCase> Quantised()
    {
        Operand Bytes(long[] shape) =>
            Fix(OnnxTensor.Create("", shape, [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b)).Select(i => (byte)(i * 7))]));
        yield return new("DequantizeLinear", [10, 13, 19, 21, 23, 25], [Bytes([2, 3]), Positive(), Fix(OnnxTensor.Scalar("", (byte)5))]);
        yield return new("DequantizeLinear", [13, 21], [Bytes([2, 3, 2]), Positive(3), Bytes([3])]);
        yield return new("DequantizeLinear", [13], [Bytes([2, 3, 2]), Positive(2)], I("axis", -1));
        yield return new("DequantizeLinear", [13], [Bytes([4]), Positive(4)], I("axis", 0));
        yield return new("DequantizeLinear", [21], [Bytes([2, 6]), Positive(2, 3), Bytes([2, 3])], I("block_size", 2));
        yield return new("DequantizeLinear", [21], [Bytes([6, 2]), Positive(2, 2)], I("block_size", 3), I("axis", 0));
    }
}
