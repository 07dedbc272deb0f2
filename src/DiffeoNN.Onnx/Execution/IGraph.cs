using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>A loaded graph that runs on tensors; the one interface between the library and an engine.</summary>
public interface IGraph : IDisposable
{
    /// <summary>What messages call it, usually the file's name.</summary>
    string Name { get; }

    /// <summary>Inputs that must be given, in the graph's order.</summary>
    IReadOnlyList<GraphTensor> Inputs { get; }

    /// <summary>Outputs, in the graph's order.</summary>
    IReadOnlyList<GraphTensor> Outputs { get; }

    /// <summary>Runs the graph.</summary>
    /// <param name="inputs">One tensor for each of <see cref="Inputs"/>, contiguous, of its type and shape;
    /// not copied on CPU, left untouched.</param>
    /// <param name="outputNames">Which outputs to compute; all if null.</param>
    /// <param name="cancellationToken">Stops this run only.</param>
    /// <returns>The outputs by name; the caller disposes them.</returns>
    /// <exception cref="GraphException">An input is missing, unknown, or of another type or shape; or the engine failed.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    IReadOnlyDictionary<string, torch.Tensor> Run(
        IReadOnlyDictionary<string, torch.Tensor> inputs,
        IReadOnlyCollection<string>? outputNames = null,
        CancellationToken cancellationToken = default);
}
