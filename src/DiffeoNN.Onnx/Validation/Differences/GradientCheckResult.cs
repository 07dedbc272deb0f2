using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Differences;

/// <summary>How an emitted gradient compares with finite differences of the model it belongs to.</summary>
/// <param name="Inputs">One entry for each input that was differentiated.</param>
/// <param name="OutputError">Largest difference between the outputs of the emitted and the original model,
/// relative to the largest output.</param>
/// <param name="Precision">What the differences were taken in: float64 where ONNX Runtime has the kernels.</param>
/// <param name="Tolerance">Largest relative error that passed.</param>
/// <param name="Assumptions">What was assumed about inputs that were not given: sizes and values.</param>
public sealed record GradientCheckResult(
    IReadOnlyList<GradientCheckInput> Inputs, double OutputError, OnnxElementType Precision, double Tolerance,
    IReadOnlyList<string> Assumptions)
{
    /// <summary>Values of the model's inputs, and of the weights it was differentiated by.</summary>
    internal IReadOnlyDictionary<string, OnnxTensor> Values { get; init; } = new Dictionary<string, OnnxTensor>();

    /// <summary>Upstream gradients by output.</summary>
    internal IReadOnlyDictionary<string, OnnxTensor> Upstream { get; init; } = new Dictionary<string, OnnxTensor>();

    /// <summary>Whether the outputs are the same and every gradient agrees.</summary>
    public bool Passed => OutputError <= Tolerance && Inputs.All(input => input.Passed);
}
