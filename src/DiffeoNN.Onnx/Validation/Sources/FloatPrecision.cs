using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>Copies of models and tensors that compute in another precision, for finite differences with less rounding.</summary>
internal static class FloatPrecision
{
    /// <summary>A copy of a tensor in another float type; other tensors come back as they are.</summary>
    public static OnnxTensor Convert(OnnxTensor tensor, OnnxElementType precision) =>
        !tensor.ElementType.IsFloat() || tensor.ElementType == precision
            ? tensor : OnnxTensor.FromDoubles(tensor.Name, precision, tensor.Dimensions, tensor.ToDoubleArray());

    /// <summary>A copy of a model whose floats are all of one type.</summary>
    public static OnnxModel Convert(OnnxModel model, OnnxElementType precision)
    {
        var result = OpsetConverter.Convert(model, model.Opset);
        Convert(result.Graph, precision);
        return result;
    }

    private static void Convert(OnnxGraph graph, OnnxElementType precision)
    {
        foreach (var list in new[] { graph.Inputs, graph.Outputs, graph.ValueInfos })
        {
            for (var i = 0; i < list.Count; i++)
                if (list[i].ElementType.IsFloat()) list[i] = list[i] with { ElementType = precision };
        }

        // The scales and the region of Resize stay in float32 whatever the type of its input.
        var kept = graph.Nodes.Where(node => node.OpType is "Resize" or "Upsample").SelectMany(node => node.Inputs.Skip(1))
            .ToHashSet(StringComparer.Ordinal);
        foreach (var (name, tensor) in graph.Initializers.ToList())
            if (!kept.Contains(name)) graph.Initializers[name] = Convert(tensor, precision);
        foreach (var node in graph.Nodes)
        {
            foreach (var attribute in node.Attributes.Values.ToList())
            {
                if (attribute.Kind == OnnxAttributeKind.Tensor && !kept.Contains(node.Outputs[0]))
                    node.With(OnnxAttribute.Of(attribute.Name, Convert(attribute.Tensor, precision)));
                else if (attribute.Kind == OnnxAttributeKind.Graph)
                    Convert(attribute.Graph, precision);
                else if (node.OpType == "Cast" && attribute.Name == "to" && ((OnnxElementType)attribute.Int).IsFloat()
                    && !kept.Contains(node.Outputs[0]))
                    node.With(OnnxAttribute.Of("to", (long)precision));
            }
        }
    }
}
