namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>A copy of a model that computes in float64, for finite differences without noise.</summary>
internal static class DoublePrecision
{
    public static OnnxModel Of(OnnxModel model)
    {
        var result = OpsetConverter.Convert(model, model.Opset);
        Widen(result.Graph);
        return result;
    }

    public static OnnxTensor Of(OnnxTensor tensor) => IsNarrow(tensor.ElementType)
        ? OnnxTensor.FromDoubles(tensor.Name, OnnxElementType.Double, tensor.Dimensions, tensor.ToDoubleArray()) : tensor;

    private static bool IsNarrow(OnnxElementType type) => type is OnnxElementType.Float or OnnxElementType.Float16;

    private static void Widen(OnnxGraph graph)
    {
        // The scales and regions of Resize stay in float32 whatever the type of its input.
        var kept = graph.Nodes.Where(n => n.OpType == "Upsample" || n.OpType == "Resize").SelectMany(n => n.Inputs.Skip(n.Inputs.Count > 2 ? 2 : 1))
            .Concat(graph.Nodes.Where(n => n.OpType == "Resize" && n.Inputs.Count > 2).Select(n => n.Inputs[1])).ToHashSet();
        static OnnxValueInfo Value(OnnxValueInfo v) => IsNarrow(v.ElementType) ? v with { ElementType = OnnxElementType.Double } : v;
        foreach (var list in new[] { graph.Inputs, graph.Outputs, graph.ValueInfos })
        {
            for (var i = 0; i < list.Count; i++)
                list[i] = Value(list[i]);
        }

        foreach (var (name, tensor) in graph.Initializers.ToList())
        {
            if (!kept.Contains(name))
                graph.Initializers[name] = Of(tensor);
        }

        foreach (var node in graph.Nodes)
        {
            foreach (var attribute in node.Attributes.Values.ToList())
            {
                if (attribute.Kind == OnnxAttributeKind.Tensor && !kept.Contains(node.Outputs[0]))
                    node.With(OnnxAttribute.Of(attribute.Name, Of(attribute.Tensor)));
                if (attribute.Kind == OnnxAttributeKind.Graph)
                    Widen(attribute.Graph);
                if (node.OpType == "Cast" && attribute.Name == "to" && IsNarrow((OnnxElementType)attribute.Int))
                    node.With(OnnxAttribute.Of("to", 11));
            }
        }
    }
}
