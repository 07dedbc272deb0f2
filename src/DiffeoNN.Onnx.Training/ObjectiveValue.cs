namespace DiffeoNN.Onnx.Training;

/// <summary>What an objective is on a batch.</summary>
/// <param name="Loss">The weighted sum of its terms.</param>
/// <param name="Terms">Each term without its weight.</param>
public sealed record ObjectiveValue(double Loss, IReadOnlyDictionary<string, double> Terms);
