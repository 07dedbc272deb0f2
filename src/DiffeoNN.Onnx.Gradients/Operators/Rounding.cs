namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Operators whose derivative is zero wherever it exists, and integer arithmetic.</summary>
internal static class Rounding
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Floor", GradientRule.Stop)
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Folding = (n, _) => ConstantEvaluator.Unary(n, a => a, Math.Floor),
        },
        new("Ceil", GradientRule.Stop)
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Folding = (n, _) => ConstantEvaluator.Unary(n, a => a, Math.Ceiling),
        },
        new("Round", GradientRule.Stop)
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Folding = (n, _) => ConstantEvaluator.Unary(n, a => a, a => Math.Round(a, MidpointRounding.ToEven)),
        },
        new("Sign", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("Hardmax", GradientRule.Stop)
        {
            Takes = new(1, 1), Shapes = ShapeInference.Same,
            Upgrades = [new(13, OpsetConverter.FlattenedSoftmax)],
        },
        new("BitShift", GradientRule.Stop) { Takes = new(2, 2), BroadcastsAll = true, Shapes = ShapeInference.Broadcasting },
        new("BitwiseAnd", GradientRule.Stop)
        {
            Takes = new(2, 2), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
        },
        new("BitwiseOr", GradientRule.Stop)
        {
            Takes = new(2, 2), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
        },
        new("BitwiseXor", GradientRule.Stop)
        {
            Takes = new(2, 2), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Broadcasting,
        },
        new("BitwiseNot", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.Same },
        new("QuantizeLinear", GradientRule.Stop) { Takes = new(2, 3), Shapes = ShapeInference.QuantizeLinear },
        new("MatMulInteger", GradientRule.Stop) { Shapes = ShapeInference.MatMulInteger },
        new("ConvInteger", GradientRule.Stop),
        new("QLinearMatMul", GradientRule.Stop),
        new("QLinearConv", GradientRule.Stop),
    ];
}
