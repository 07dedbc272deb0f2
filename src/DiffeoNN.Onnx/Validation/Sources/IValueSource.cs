using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>Something that computes the values of a graph.</summary>
internal interface IValueSource
{
    /// <summary>One of <see cref="ValidationSources"/>.</summary>
    string Name { get; }

    /// <summary>Runs a model once.</summary>
    /// <param name="model">Not changed.</param>
    /// <param name="title">What messages call it.</param>
    /// <param name="inputs">A tensor for each required input, by name; others are left out.</param>
    /// <param name="values">Any values of the main graph. Asking for an intermediate one keeps an engine from fusing it away.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>The values by name, without those that are no tensors of numbers.</returns>
    /// <exception cref="GraphException">The model does not load or run.</exception>
    IReadOnlyDictionary<string, OnnxTensor> Run(
        OnnxModel model, string title, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyList<string> values,
        CancellationToken cancellationToken = default);
}
