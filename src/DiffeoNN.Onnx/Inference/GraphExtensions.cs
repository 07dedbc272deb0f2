using DiffeoNN.Onnx.Execution;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>Shorthands for graphs of one input and one output that matter.</summary>
internal static class GraphExtensions
{
    /// <summary>Runs a graph on one tensor for one of its outputs; the tensor joins the caller's dispose scope.</summary>
    public static torch.Tensor RunSingle(
        this IGraph graph, string input, torch.Tensor value, string output, CancellationToken cancellationToken) =>
        graph.Run(new Dictionary<string, torch.Tensor> { [input] = value }, [output], cancellationToken)[output];
}
