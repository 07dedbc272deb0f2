namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Constants, shapes and positions; what they make depends on no number differentiably.</summary>
internal static class Constants
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Constant", GradientRule.Stop) { Takes = new(0, 0), Shapes = ShapeInference.Constant },
        new("ConstantOfShape", GradientRule.Stop)
        {
            Takes = new(1, 1), Shapes = ShapeInference.ConstantOfShape,
            Folding = (n, sizes) => ConstantEvaluator.Filled(ConstantEvaluator.Fill(n), sizes),
        },
        new("Shape", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.ShapeOf, Folding = ConstantEvaluator.Shape },
        new("Size", GradientRule.Stop)
        {
            Takes = new(1, 1), Shapes = ShapeInference.Size,
            Folding = (n, _) => n.Shape(0) is { } shape ? [shape.Aggregate(Dim.One, (a, b) => a * b)] : null,
        },
        new("EyeLike", GradientRule.Stop) { Takes = new(1, 1) },
        new("NonZero", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.NonZero },
        new("ArgMax", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.ArgExtreme },
        new("ArgMin", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.ArgExtreme },
        new("NonMaxSuppression", GradientRule.Stop),
        new("HannWindow", GradientRule.Stop) { Shapes = ShapeInference.WindowFunction },
        new("HammingWindow", GradientRule.Stop) { Shapes = ShapeInference.WindowFunction },
        new("BlackmanWindow", GradientRule.Stop) { Shapes = ShapeInference.WindowFunction },
        new("MelWeightMatrix", GradientRule.Stop),
    ];
}
