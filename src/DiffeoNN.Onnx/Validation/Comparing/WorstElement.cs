namespace DiffeoNN.Onnx.Validation.Comparing;

/// <summary>The element that two tensors differ most in.</summary>
/// <param name="Index">Where; empty for a scalar.</param>
/// <param name="Expected">The baseline's value.</param>
/// <param name="Actual">The other's value.</param>
public sealed record WorstElement(IReadOnlyList<long> Index, double Expected, double Actual);
