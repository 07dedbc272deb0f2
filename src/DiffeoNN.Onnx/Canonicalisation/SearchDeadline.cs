namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>When the search of a row has to end.</summary>
/// <param name="After">Time from joining the batch after which no further step begins; not negative.</param>
/// <param name="IsFailure">Whether the row then fails (<see cref="RowOutcome.DeadlineExceeded"/>) instead of returning its best iterate so
/// far (<see cref="RowOutcome.BestAtDeadline"/>).</param>
public readonly record struct SearchDeadline(TimeSpan After, bool IsFailure = false);
