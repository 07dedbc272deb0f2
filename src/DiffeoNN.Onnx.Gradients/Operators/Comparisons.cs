namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Comparisons and truth values; their results carry no derivative.</summary>
internal static class Comparisons
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Equal", GradientRule.Stop)
        {
            Takes = new(2, 2), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Comparing,
            Folding = (n, s) => ConstantEvaluator.Binary(n, s, (a, b) => ConstantEvaluator.Same(a, b),
                null) ?? ConstantEvaluator.Compare(n, s, (a, b) => a == b),
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("Greater", GradientRule.Stop)
        {
            Takes = new(2, 2), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Comparing,
            Folding = (n, s) => ConstantEvaluator.Compare(n, s, (a, b) => a > b),
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("Less", GradientRule.Stop)
        {
            Takes = new(2, 2), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Comparing,
            Folding = (n, s) => ConstantEvaluator.Compare(n, s, (a, b) => a < b),
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("GreaterOrEqual", GradientRule.Stop)
        {
            Takes = new(2, 2), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Comparing,
            Folding = (n, s) => ConstantEvaluator.Compare(n, s, (a, b) => a >= b),
        },
        new("LessOrEqual", GradientRule.Stop)
        {
            Takes = new(2, 2), HasOneType = true, BroadcastsAll = true, Shapes = ShapeInference.Comparing,
            Folding = (n, s) => ConstantEvaluator.Compare(n, s, (a, b) => a <= b),
        },
        new("And", GradientRule.Stop)
        {
            Takes = new(2, 2), BroadcastsAll = true, Shapes = ShapeInference.Comparing,
            Folding = (n, s) => ConstantEvaluator.Compare(n, s, (a, b) => a != 0 && b != 0),
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("Or", GradientRule.Stop)
        {
            Takes = new(2, 2), BroadcastsAll = true, Shapes = ShapeInference.Comparing,
            Folding = (n, s) => ConstantEvaluator.Compare(n, s, (a, b) => a != 0 || b != 0),
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("Xor", GradientRule.Stop)
        {
            Takes = new(2, 2), BroadcastsAll = true, Shapes = ShapeInference.Comparing,
            Upgrades = [new(7, OpsetConverter.LimitedBroadcast)],
        },
        new("Not", GradientRule.Stop)
        {
            Takes = new(1, 1), Shapes = ShapeInference.Truths,
            Folding = (n, s) => ConstantEvaluator.Compare(n, s, (a, _) => a == 0),
        },
        new("IsNaN", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.Truths },
        new("IsInf", GradientRule.Stop) { Takes = new(1, 1), Shapes = ShapeInference.Truths },
    ];
}
