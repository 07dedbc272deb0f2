namespace DiffeoNN.Onnx.Validation.Comparing;

/// <summary>A source that gave no tensors to compare.</summary>
/// <param name="Quantity">What was wanted of it.</param>
/// <param name="Source">Which; one of <see cref="Sources.ValidationSources"/>.</param>
/// <param name="Reason">Why, and what to do where something can be done.</param>
/// <param name="IsFailure">Whether it broke down where another source ran, rather than having nothing to say.</param>
public sealed record SkippedSource(ComparedQuantity Quantity, string Source, string Reason, bool IsFailure);
