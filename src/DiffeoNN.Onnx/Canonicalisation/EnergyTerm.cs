namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>One term of the energy of an image, unweighted, at the start (identity or proposal) and at the result.</summary>
/// <param name="Name">As the energy names it, or <c>smoothness</c>, <c>orientation</c>.</param>
/// <param name="Before">At the start.</param>
/// <param name="After">At the best iterate.</param>
public readonly record struct EnergyTerm(string Name, double Before, double After);
