using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation;

/// <summary>One graph to validate, and what is known of what it should give.</summary>
/// <param name="Name">For reports.</param>
/// <param name="Model">The forward graph, functions inlined.</param>
/// <param name="References">Sets of reference tensors; empty where inputs are to be drawn.</param>
internal sealed record ValidationCase(string Name, OnnxModel Model, IReadOnlyList<ReferenceSet> References)
{
    /// <summary>
    /// The graph as it is in use, functions and operator set as they were written:
    /// what ONNX Runtime with all optimisations runs, so that a fault in bringing it to <see cref="Model"/> shows;
    /// null where it is the same.
    /// </summary>
    public OnnxModel? AsWritten { get; init; }

    /// <summary>Whether the graph never was in PyTorch, so that nobody misses reference tensors.</summary>
    public bool IsNative { get; init; }

    /// <summary>What is to be known of the case.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Values of inputs that reference sets do not hold, such as the weights of a bundle's energy.</summary>
    public IReadOnlyDictionary<string, OnnxTensor> FixedInputs { get; init; } = new Dictionary<string, OnnxTensor>();

    /// <summary>Inputs to differentiate by; null for every float input.</summary>
    public IReadOnlyList<string>? DifferentiatedInputs { get; init; }

    /// <summary>The one output to differentiate, with an upstream gradient of ones; null for every float output with drawn ones.</summary>
    public string? SummedOutput { get; init; }

    /// <summary>The backward graph that is in use, which gives NAME_grad for each differentiated input and takes no upstream gradient;
    /// null to compile one.</summary>
    public OnnxModel? Backward { get; init; }
}
