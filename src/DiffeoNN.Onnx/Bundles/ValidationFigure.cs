namespace DiffeoNN.Onnx.Bundles;

/// <summary>What a bundle reached on images held out; for people, never interpreted.</summary>
/// <param name="Deformation">Family of the deformations, such as <c>tps</c>, or <c>none</c>.</param>
/// <param name="Images">How many, at least 1.</param>
/// <param name="Measure">What the numbers are, such as <c>iou</c>.</param>
/// <param name="Undeformed">Mean of the network alone on undeformed images; finite, as the others.</param>
/// <param name="Alone">Mean of the network alone on deformed images.</param>
/// <param name="Canonicalised">Mean of the canonicalised network on deformed images.</param>
public sealed record ValidationFigure(
    string Deformation, int Images, string Measure, double Undeformed, double Alone, double Canonicalised);
