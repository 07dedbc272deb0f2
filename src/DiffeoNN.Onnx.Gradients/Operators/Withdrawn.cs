namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Operators that newer versions withdrew: nodes of them are rewritten before anything is differentiated.</summary>
internal static class Withdrawn
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Affine") { Takes = new(1, 1), Upgrades = [new(6, OpsetConverter.FormulaOfOneInput)] },
        new("ImageScaler")
        {
            Takes = new(1, 1),
            Attributes = [new("bias", OnnxAttributeKind.Floats), new("scale", OnnxAttributeKind.Float)],
            Upgrades = [new(6, OpsetConverter.ImageScaler)],
        },
        new("ParametricSoftplus") { Takes = new(1, 1), Upgrades = [new(6, OpsetConverter.FormulaOfOneInput)] },
        new("Scale")
        {
            Takes = new(1, 1),
            Attributes = [new("scale", OnnxAttributeKind.Float)],
            Upgrades = [new(6, OpsetConverter.FormulaOfOneInput)],
        },
        new("ScaledTanh") { Takes = new(1, 1), Upgrades = [new(6, OpsetConverter.FormulaOfOneInput)] },
        new("Scatter")
        {
            Takes = new(3, 3), InputNames = ["data", "indices", "updates"], Ranks = ["1+", "=", "="], Shapes = ShapeInference.Same,
            Upgrades = [new(11, (n, _) => [OpsetConverter.Renamed(n, "ScatterElements")])],
        },
    ];
}
