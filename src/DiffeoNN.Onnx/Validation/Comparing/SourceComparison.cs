namespace DiffeoNN.Onnx.Validation.Comparing;

/// <summary>One tensor of a graph as two sources give it.</summary>
/// <param name="Quantity">Output or gradient.</param>
/// <param name="Source">Who is compared: one of <see cref="Sources.ValidationSources"/>.</param>
/// <param name="Baseline">With whom.</param>
/// <param name="Tensor">How they differ. The expected side is the baseline's.</param>
public sealed record SourceComparison(ComparedQuantity Quantity, string Source, string Baseline, TensorComparison Tensor)
{
    /// <summary>Which set of reference tensors the inputs come from; 0 where they were drawn.</summary>
    public int Set { get; init; }
}
