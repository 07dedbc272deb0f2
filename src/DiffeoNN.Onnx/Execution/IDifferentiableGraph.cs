using TorchSharp;

namespace DiffeoNN.Onnx.Execution;

/// <summary>A graph whose values are libtorch's own, so that libtorch differentiates them.</summary>
public interface IDifferentiableGraph : IGraph
{
    /// <summary>Runs the graph for any values, differentiable by inputs that require a gradient unless the caller switched that
    /// off.</summary>
    /// <param name="inputs">One tensor for each of <see cref="IGraph.Inputs"/>; left untouched.</param>
    /// <param name="wanted">Names of outputs or of values in between.</param>
    /// <param name="observe">Called with every value of the graph as it is made; values are freed after their last use.</param>
    /// <param name="cancellationToken">Stops between two nodes.</param>
    /// <returns>In the caller's dispose scope; may share memory with inputs and weights, so not to be changed.</returns>
    /// <exception cref="GraphException">An input does not fit, a value is unknown, or libtorch failed;
    /// the message names the node.</exception>
    IReadOnlyDictionary<string, torch.Tensor> RunValues(
        IReadOnlyDictionary<string, torch.Tensor> inputs,
        IReadOnlyList<string> wanted,
        Action<string, torch.Tensor>? observe = null,
        CancellationToken cancellationToken = default);
}
