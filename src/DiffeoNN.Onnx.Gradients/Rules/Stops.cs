namespace DiffeoNN.Onnx.Gradients.Rules;

/// <summary>Operators whose derivative is zero wherever it exists, or whose outputs are no floating point values.</summary>
internal static class Stops
{
    public static IReadOnlyList<GradientRule> All { get; } =
    [
        .. new[]
        {
            "Constant", "ConstantOfShape", "Shape", "Size", "ArgMax", "ArgMin", "NonZero", "IsNaN", "IsInf", "Not", "And", "Or", "Xor",
            "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Floor", "Ceil", "Round", "Sign", "Hardmax", "EyeLike",
            "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial", "BitShift", "BitwiseAnd",
            "BitwiseOr", "BitwiseXor", "BitwiseNot", "NonMaxSuppression", "QuantizeLinear", "MatMulInteger", "ConvInteger", "QLinearMatMul",
            "QLinearConv", "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix",
        }.Select(GradientRule.Stop),
    ];
}
