using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Diagnostics.Wiring;

/// <summary>Whether a network's weights are as PyTorch draws them before any training: evenly over the inverse root of the number of
/// inputs to either side, layer by layer. Trained ones leave that range somewhere.</summary>
internal static class UntrainedWeights
{
    /// <summary>Weights of a layer that say something, and how much of the range so many even ones reach.</summary>
    private const int Fewest = 64;

    private const double Reach = 0.85, Over = 1e-4, OfVariance = 0.35;

    /// <summary>Number of layers whose weights are so; null where one is not, or there is none.</summary>
    public static int? Layers(OnnxModel model)
    {
        var layers = 0;
        foreach (var node in model.Graph.Nodes.Where(node => node.Domain.Length == 0))
        {
            if (Weights(model.Graph, node) is not { } layer || layer.Weights.Length < Fewest) continue;
            if (!AreDrawn(layer.Weights, 1 / Math.Sqrt(layer.Inputs))) return null;
            layers++;
        }

        return layers == 0 ? null : layers;
    }

    private static bool AreDrawn(double[] weights, double range)
    {
        var (most, variance) = (weights.Max(Math.Abs), weights.Average(weight => weight * weight));
        return most <= range * (1 + Over) && most >= range * Reach && Math.Abs((3 * variance / (range * range)) - 1) <= OfVariance;
    }

    private static (double[] Weights, long Inputs)? Weights(OnnxGraph graph, OnnxNode node)
    {
        var place = node.OpType == "MatMul" && graph.Initializers.ContainsKey(node.Input(0)) ? 0 : 1;
        if (node.OpType is not ("Conv" or "ConvTranspose" or "Gemm" or "MatMul")
            || !graph.Initializers.TryGetValue(node.Input(place), out var tensor) || !tensor.ElementType.IsFloat()
            || tensor.Dimensions.Count < 2)
        {
            return null;
        }

        var sizes = tensor.Dimensions;
        var inputs = node.OpType switch
        {
            "Gemm" => sizes[node.GetInt("transB", 0) == 0 ? 0 : 1],
            "MatMul" => sizes[place == 1 ? sizes.Count - 2 : sizes.Count - 1],
            _ => sizes.Skip(1).Aggregate(1L, (product, size) => product * size),
        };
        return (tensor.ToDoubleArray(), Math.Max(1, inputs));
    }
}
