using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>Something that computes derivatives of a graph.</summary>
internal interface IGradientSource
{
    /// <summary>One of <see cref="ValidationSources"/>.</summary>
    string Name { get; }

    /// <summary>Derivative of sum(upstream * output), summed over the outputs that have an upstream gradient.</summary>
    /// <param name="model">Not changed.</param>
    /// <param name="title">What messages call it.</param>
    /// <param name="inputs">A tensor for each required input, by name.</param>
    /// <param name="upstream">A gradient for each output to differentiate, by the output's name.</param>
    /// <param name="inputNames">By which inputs.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>The derivatives by the input's name; an input without influence may be left out.</returns>
    /// <exception cref="GraphException">The model does not load or run.</exception>
    /// <exception cref="GradientException">It cannot be differentiated.</exception>
    IReadOnlyDictionary<string, OnnxTensor> Run(
        OnnxModel model, string title, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyDictionary<string, OnnxTensor> upstream,
        IReadOnlyList<string> inputNames, CancellationToken cancellationToken = default);
}
