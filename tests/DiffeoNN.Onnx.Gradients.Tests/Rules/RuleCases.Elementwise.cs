using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Arithmetic and activations.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Elementwise()
    {
        foreach (var (op, opsets) in new[] { ("Add", new[] { 7, 13, 14, 22 }), ("Sub", [7, 13, 14]), ("Mul", [7, 13, 14]),
            ("Div", [7, 13, 14]) })
        {
            yield return new(op, opsets, [Any(2, 3), Any(2, 3)]);
            yield return new(op, opsets, [Any(2, 1, 3), Any(4, 1)]);
            yield return new(op, [opsets[^1]], [Any(), Any(2, 3)]);
            yield return new(op, [opsets[^1]], [Any(1, 3), Any(2, 1)]);
            yield return new(op, [opsets[^1]], [Any(2, 3), Any()]);
        }

        yield return new("Mod", [10, 13], [Between(0.6, 3.6, [1, 2, 3], 6), Values([1], 1.0)], I("fmod", 1));
        yield return new("Mod", [13], [Values([3, 2], 5.3, -5.3, 2.2, -2.2, 0.4, 7.1), Values([2], 1.7, -1.9)], I("fmod", 1));
        yield return new("Pow", [7, 12, 13, 15], [Positive(2, 3), Any(3)]);
        yield return new("Pow", [7, 15], [Any(2, 3), Floats([], 2)]);
        yield return new("Pow", [15], [Any(2, 3), Floats([], 3)]);
        yield return new("Pow", [15], [Positive(2, 3), Floats([1], 0.5f)]);
        yield return new("Pow", [15], [Positive(2, 3), Floats([], 1)]);
        yield return new("Pow", [13], [Any(2, 3), Integers(2, 3, 1)]);
        yield return new("Pow", [15], [Any(2, 3), Fix(OnnxTensor.Create<int>("", [3], [0, 2, -1])).AtRunTime]);
        yield return new("Pow", [15], [Values([4], 0, 0, 1.5, -1.5), Floats([4], 2, 1, 0, 3)]);
        foreach (var op in new[] { "Sum", "Mean" })
        {
            yield return new(op, [8, 13], [Any(2, 3), Any(3), Any(1)]);
            yield return new(op, [13], [Any(2, 1), Any(1, 3), Any(), Any(3)]);
            yield return new(op, [13], [Any(2, 3)]);
        }

        foreach (var op in new[] { "Max", "Min" })
        {
            yield return new(op, [8, 12, 13], [Values([4], 1, -2, 0.5, 0.2), Values([4], 0.4, 1, -0.6, 0.9)]);
            yield return new(op, [13], [Values([2, 2], 1, -2, 0.5, 0.2), Values([2], 0.4, 0.9), Values([1], 0.7)]);
            yield return new(op, [13], [Any(3)]);
            yield return new(
                op, [13], [Values([2, 1], 1, -0.3), Values([1, 3], 0.4, -1, 1.3), Values([], 0.2), Values([3], 0.1, -1.1, 0.6)]);
            yield return new(op, [13], [Values([2, 1], 1, -0.3), Values([1, 3], 0.4, -1, 1.3)]);
        }

        yield return new("Where", [9, 16], [Fix(OnnxTensor.Create<bool>("", [2, 1], [true, false])), Any(2, 3), Any(1, 3)]);
        yield return new("Where", [16], [Fix(OnnxTensor.Create<bool>("", [2, 3], [true, false, true, false, false, true])), Any(), Any(3)]);
        yield return new("Where", [16], [Fix(OnnxTensor.Create<bool>("", [3], [true, false, true])).AtRunTime, Any(2, 1), Any(4, 1, 1)]);
        foreach (var op in new[] { "Neg", "Abs", "Exp", "Sin", "Cos", "Tanh", "Sigmoid", "Relu", "Softsign", "Softplus", "Identity", "Elu",
            "Selu", "LeakyRelu", "Tan", "Atan" })
            yield return new(op, op is "Relu" ? [7, 13, 14] : [7, 13, 22], [Any(2, 5)]);
        foreach (var op in new[] { "Erf", "Sinh", "Cosh", "Asinh" })
            yield return new(op, op == "Erf" ? [9, 13] : [9, 22], [Any(2, 5)]);
        foreach (var op in new[] { "Sqrt", "Log", "Reciprocal" })
            yield return new(op, [7, 13], [Positive(2, 5)]);
        foreach (var op in new[] { "Asin", "Acos" })
            yield return new(op, [7, 22], [Unit(2, 5)]);
        yield return new("Atanh", [9, 22], [Unit(2, 5)]);
        yield return new("Acosh", [9, 22], [Between(1.3, 3, [], 2, 5)]);
        yield return new("Elu", [7], [Any(2, 5)], F("alpha", 0.5f));
        yield return new("Selu", [7], [Any(2, 5)], F("alpha", 2), F("gamma", 3));
        yield return new("LeakyRelu", [16], [Any(2, 5)], F("alpha", 0.2f));
        yield return new("LeakyRelu", [16], [Any(2, 5)], F("alpha", -0.2f));
        yield return new("ThresholdedRelu", [10, 22], [Between(-2, 3, [0.7], 2, 5)], F("alpha", 0.7f));
        yield return new("ThresholdedRelu", [10], [Between(-2, 3, [-0.7], 2, 8)], F("alpha", -0.7f));
        yield return new("ThresholdedRelu", [22], [Between(-2, 3, [1], 2, 5)]);
        yield return new("PRelu", [7, 9, 16], [Any(2, 3, 2), Any(3, 1)]);
        foreach (var slope in new long[][] { [], [1], [2], [2, 3, 2], [1, 3, 1] })
            yield return new("PRelu", [16], [Any(2, 3, 2), Any(slope)]);
        yield return new("Celu", [12], [Any(2, 5)], F("alpha", 0.7f));
        yield return new("Celu", [12], [Any(2, 5)]);
        yield return new("Gelu", [20], [Any(2, 5)]);
        yield return new("Gelu", [20], [Any(2, 5)], S("approximate", "tanh"));
        yield return new("HardSigmoid", [7], [Between(-4, 4, [-2.5, 2.5], 2, 8)]);
        yield return new("HardSigmoid", [22], [Between(-4, 4, [-1, 1], 2, 8)], F("alpha", 0.5f));
        yield return new("HardSigmoid", [22], [Between(-4, 4, [-1, 1.5], 2, 8)], F("alpha", -0.4f), F("beta", 0.6f));
        yield return new("HardSwish", [14, 22], [Between(-5, 5, [-3, 3], 2, 8)]);
        yield return new("Mish", [18, 22], [Any(2, 5)]);
        yield return new("Swish", [24], [Any(2, 5)], F("alpha", 0.7f));
        yield return new("Swish", [24], [Any(2, 5)]);
        yield return new("Shrink", [9], [Between(-2, 2, [-0.8, 0.8], 2, 8)], F("lambd", 0.8f), F("bias", 0.3f)) { DoubleTolerance = 2e-4 };
        yield return new("Shrink", [9], [Between(-2, 2, [-0.5, 0.5], 2, 8)]) { DoubleTolerance = 2e-4 };
        yield return new("Shrink", [9], [Any(2, 8)], F("lambd", -0.1f)) { DoubleTolerance = 2e-4 };
        yield return new("Softmax", [7, 11, 13], [Any(2, 5)]);
        yield return new("Softmax", [7, 11], [Any(2, 2, 3)], I("axis", 1));
        foreach (var op in new[] { "Softmax", "LogSoftmax" })
        {
            foreach (var axis in new[] { 0, 1, 2, -1, -2, -3 })
            {
                yield return new(op, axis < 0 ? [11, 13] : [7, 11, 13], [Any(2, 3, 2)], I("axis", axis));
            }

            yield return new(op, [13], [Any(5)], I("axis", 0));
        }

        yield return new("LogSoftmax", [7, 11, 13], [Any(2, 5)]);
        yield return new("LogSoftmax", [7], [Any(2, 2, 3)], I("axis", 1));
        yield return new("Cast", [9, 13], [Any(2, 3)], I("to", 1));
        yield return new("CastLike", [15], [Any(2, 3), Floats([1], 1)]);
        yield return new("BitCast", [26], [Any(2, 3)], I("to", 1));
        yield return new("Dropout", [7, 10], [Any(2, 3)], F("ratio", 0.3f));
        yield return new("Dropout", [12, 13, 22], [Any(2, 3)]);
        yield return new("Dropout", [13, 22], [Any(2, 3), Floats([], 0.4f), Fix(OnnxTensor.Scalar("", false)).AtRunTime]);
        yield return new("Dropout", [13], [Any(2, 3), Floats([], 0), Fix(OnnxTensor.Scalar("", true))]);
        yield return new("Dropout", [13], [Any(2, 3), Floats([], 0.4f), Fix(OnnxTensor.Scalar("", false))]);
        yield return new("Clip", [7], [Between(-2, 2, [-0.5, 0.7], 2, 8)], F("min", -0.5f), F("max", 0.7f));
        yield return new("Clip", [11, 12, 13], [Between(-2, 2, [-0.5, 0.7], 2, 8), Floats([], -0.5f), Floats([], 0.7f)]);
        yield return new("Clip", [13], [Between(-2, 2, [0.7], 2, 8), Absent, Values([], 0.7)]);
        yield return new("Clip", [13], [Between(-2, 2, [-0.5], 2, 8), Values([], -0.5)]);
        yield return new("Clip", [7], [Between(-2, 2, [-0.5], 2, 8)], F("min", -0.5f));
        yield return new("Clip", [11, 13], [Any(2, 3)]);
        yield return new("Clip", [13], [Between(-2, 2, [-0.5, 0.7], 2, 8), Values([], -0.5), Values([], 0.7)]);
        yield return new("Clip", [13], [Between(-2, 2, [-0.5, 0.7], 2, 8), Values([], 0.7), Values([], -0.5)]);
    }
}
