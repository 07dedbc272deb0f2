namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Random numbers; they carry no derivative.</summary>
internal static class RandomNumbers
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("RandomNormal", GradientRule.Stop) { Takes = new(0, 0), Shapes = ShapeInference.Drawn, IsRandom = true },
        new("RandomUniform", GradientRule.Stop) { Takes = new(0, 0), Shapes = ShapeInference.Drawn, IsRandom = true },
        new("RandomNormalLike", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.Same, IsRandom = true },
        new("RandomUniformLike", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.Same, IsRandom = true },
        new("Bernoulli", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.Same, IsRandom = true },
        new("Multinomial", GradientRule.Stop) { Takes = new(1, 1), IsRandom = true },
    ];
}
