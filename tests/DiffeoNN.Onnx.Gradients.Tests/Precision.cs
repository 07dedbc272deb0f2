namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>A copy of a model that computes in another floating point type.</summary>
internal static class Precision
{
    public static OnnxModel Of(OnnxModel model, OnnxElementType type)
    {
        var result = OpsetConverter.Convert(model, model.Opset);
        Convert(result.Graph, type);
        return result;
    }

    public static OnnxTensor Of(OnnxTensor tensor, OnnxElementType type) => Changes(tensor.ElementType, type)
        ? OnnxTensor.FromDoubles(tensor.Name, type, tensor.Dimensions, tensor.ToDoubleArray()) : tensor;

    public static Dictionary<string, OnnxTensor> Of(IReadOnlyDictionary<string, OnnxTensor> tensors, OnnxElementType type) =>
        tensors.ToDictionary(t => t.Key, t => Of(t.Value, type));

    /// <summary>float64 stays, since a model that computes a part in float64 means it.</summary>
    private static bool Changes(OnnxElementType from, OnnxElementType to) =>
        from.IsFloat() && from is not (OnnxElementType.Double or OnnxElementType.BFloat16) && from != to;

    private static void Convert(OnnxGraph graph, OnnxElementType type)
    {
        // The scales and regions of Resize stay in float32 whatever the type of its input.
        var kept = graph.Nodes.Where(n => n.OpType == "Upsample" || n.OpType == "Resize")
            .SelectMany(n => n.Inputs.Skip(n.Inputs.Count > 2 ? 2 : 1))
            .Concat(graph.Nodes.Where(n => n.OpType == "Resize" && n.Inputs.Count > 2).Select(n => n.Inputs[1])).ToHashSet();
        foreach (var list in new[] { graph.Inputs, graph.Outputs, graph.ValueInfos })
        {
            for (var i = 0; i < list.Count; i++)
            {
                if (Changes(list[i].ElementType, type) && !kept.Contains(list[i].Name))
                    list[i] = list[i] with { ElementType = type };
            }
        }

        foreach (var (name, tensor) in graph.Initializers.ToList())
        {
            if (!kept.Contains(name))
                graph.Initializers[name] = Of(tensor, type);
        }

        foreach (var node in graph.Nodes)
        {
            foreach (var attribute in node.Attributes.Values.ToList())
            {
                if (attribute.Kind == OnnxAttributeKind.Tensor && !kept.Contains(node.Outputs[0]))
                    node.With(OnnxAttribute.Of(attribute.Name, Of(attribute.Tensor, type)));
                if (attribute.Kind == OnnxAttributeKind.Graph)
                    Convert(attribute.Graph, type);
                if (node.OpType == "Cast" && attribute.Name == "to" && Changes((OnnxElementType)attribute.Int, type))
                    node.With(OnnxAttribute.Of("to", (long)type));
            }
        }
    }
}
