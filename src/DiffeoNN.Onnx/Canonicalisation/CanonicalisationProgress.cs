namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>State of a batch after an iterate was evaluated.</summary>
/// <param name="Step">Updates taken so far.</param>
/// <param name="Steps">Updates at most.</param>
/// <param name="Images">Images of the batch.</param>
/// <param name="Active">Images still being optimised.</param>
/// <param name="BestTotals">Best total energy so far of each image of the batch.</param>
/// <param name="Elapsed">Time since the start.</param>
public sealed record CanonicalisationProgress(
    int Step, int Steps, int Images, int Active, IReadOnlyList<double> BestTotals, TimeSpan Elapsed);
