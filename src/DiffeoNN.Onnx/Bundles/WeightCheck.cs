using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Refuses networks whose numbers cannot be right: weights that are not finite, normalisation by the batch.</summary>
internal static class WeightCheck
{
    public static void Check(ModelPlace place, OnnxModel model)
    {
        Check(place, model, model.Graph);
        foreach (var node in model.Functions.SelectMany(function => function.Nodes)) Check(place, model, node);
    }

    private static void Check(ModelPlace place, OnnxModel model, OnnxGraph graph)
    {
        foreach (var tensor in graph.Initializers.Values)
        {
            if (Count(tensor) is ({ } what, var count, var first))
            {
                throw place.Refuse(
                    $"tensor '{tensor.Name}' [{string.Join(",", tensor.Dimensions)}] holds {count} values that are "
                    + $"{what}, the first at {first}; "
                    + "the network was trained or exported wrongly.");
            }
        }

        foreach (var node in graph.Nodes) Check(place, model, node);
    }

    private static void Check(ModelPlace place, OnnxModel model, OnnxNode node)
    {
        // Constants may be infinite (a mask, an open bound) but never NaN.
        foreach (var attribute in node.Attributes.Values.Where(attribute => attribute.Kind == OnnxAttributeKind.Tensor))
        {
            if (Count(attribute.Tensor) is ("NaN", var count, var first))
                throw place.Refuse(
                    $"the constant in {node} holds {count} values that are NaN, the first at {first}; the network was exported wrongly.");
        }

        var trains = node.OpType == "BatchNormalization" && node.Domain.Length == 0
            && (node.GetInt("training_mode", 0) != 0 || (model.Opset < 14 && node.Outputs.Skip(1).Any(name => name.Length > 0)));
        if (trains)
        {
            throw place.Refuse(
                $"{node} normalises by the statistics of the batch, so an image's result would depend on the others; export "
                + "the network after model.eval().");
        }

        foreach (var graph in node.Attributes.Values.SelectMany(attribute => attribute.Graphs)) Check(place, model, graph);
    }

    /// <summary>How many elements are not finite; NaN is named before infinity.</summary>
    private static (string? What, long Count, long First) Count(OnnxTensor tensor)
    {
        if (!tensor.ElementType.IsFloat()) return default;
        var widened = tensor.ElementType == OnnxElementType.Float ? [] : tensor.ToDoubleArray();
        var floats = tensor.ElementType == OnnxElementType.Float ? MemoryMarshal.Cast<byte, float>(tensor.Data.Span) : [];
        var (nan, infinite, firstNan, firstInfinite) = (0L, 0L, -1L, -1L);
        for (var i = 0; i < floats.Length + widened.Length; i++)
        {
            var value = floats.Length > 0 ? floats[i] : widened[i];
            if (double.IsFinite(value)) continue;
            if (double.IsNaN(value))
            {
                if (nan++ == 0) firstNan = i;
            }
            else if (infinite++ == 0)
            {
                firstInfinite = i;
            }
        }

        return nan > 0 ? ("NaN", nan, firstNan) : infinite > 0 ? ("infinite", infinite, firstInfinite) : default;
    }
}
