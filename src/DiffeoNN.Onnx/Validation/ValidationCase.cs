using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation;

/// <summary>One graph to validate, and what is known of what it should give.</summary>
/// <param name="Name">For reports.</param>
/// <param name="Model">The forward graph, functions inlined.</param>
/// <param name="References">Sets of reference tensors; empty where inputs are to be drawn.</param>
internal sealed record ValidationCase(string Name, OnnxModel Model, IReadOnlyList<ReferenceSet> References)
{
    /// <summary>Values of inputs that reference sets do not hold, such as the weights of a bundle's energy.</summary>
    public IReadOnlyDictionary<string, OnnxTensor> FixedInputs { get; init; } = new Dictionary<string, OnnxTensor>();

    /// <summary>Inputs to differentiate by; null for every float input.</summary>
    public IReadOnlyList<string>? DifferentiatedInputs { get; init; }

    /// <summary>The one output to differentiate, with an upstream gradient of ones; null for every float output with drawn ones.</summary>
    public string? SummedOutput { get; init; }

    /// <summary>The backward graph that is in use, which gives NAME_grad for each differentiated input and takes no upstream gradient; null to compile one.</summary>
    public OnnxModel? Backward { get; init; }
}
