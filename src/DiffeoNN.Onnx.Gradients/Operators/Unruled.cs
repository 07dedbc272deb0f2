namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Operators that are known and have no gradient.</summary>
internal static class Unruled
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("DynamicQuantizeLinear") { Shapes = ShapeInference.DynamicQuantizeLinear },
    ];
}
