namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Operators that hold graphs, which the compiler takes apart itself.</summary>
internal static class ControlFlow
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("If")
        {
            Takes = new(1, 1),
            Attributes = [new("then_branch") { IsRequired = true }, new("else_branch") { IsRequired = true }], Shapes = ShapeInference.If,
            Bodies = BodyForms.If,
        },
        new("Loop")
        {
            Takes = new(0, InputCount.Any),
            Attributes = [new("body") { IsRequired = true }], Shapes = ShapeInference.Loop, Bodies = BodyForms.Loop,
        },
        new("Scan")
        {
            Takes = new(0, InputCount.Any),
            Attributes = [new("body") { IsRequired = true, Since = 8 }], Shapes = ShapeInference.Scan,
            Upgrades = [new(9, OpsetConverter.BatchedScan)], Bodies = BodyForms.Scan,
        },
    ];
}
