using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Makes an inner network one that takes pixel values in float32, in batches of any size, and has a gradient by them.</summary>
internal static class InnerNetwork
{
    /// <summary>Operators that move values of their first input, whatever these are.</summary>
    private static readonly string[] Moving =
        ["Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather", "Expand"];

    /// <summary>Puts the conversion of pixel values in front.</summary>
    /// <param name="image">The manifest's image.</param>
    /// <param name="input">What the manifest says of the input.</param>
    /// <param name="network">Left untouched.</param>
    /// <returns>The network, the name of its input (N, C, H, W), how its file takes images, and what is in the way, or null.</returns>
    public static (OnnxModel Model, string Pixels, InputFormat Format, string? Refusal) Prepare(
        ImageSpec image, InputSpec input, OnnxModel network)
    {
        var format = InputFormat.Of(image, input, network.Graph.Input(input.Name));
        try
        {
            var model = PosteriorMean.Apply(network).Model;
            if (format.Batch is { } batch)
            {
                if (FreeBatch.Apply(model, input.Name) is not { } freed)
                    return Refused($"takes batches of {batch} alone, and nothing proves that its images can be computed together (export "
                        + "it with a free first dimension: dynamic_axes or dynamic_shapes)");
                (model, format) = (freed, format with { Batch = null });
            }

            model = OpsetConverter.Convert(model.Copy(), Math.Max(GraphWriter.LeastOpset, model.Opset));
            InSinglePrecision(model.Graph);
            if (format.Type == OnnxElementType.UInt8)
            {
                if (ReaderOfBytes(model.Graph, input.Name) is { } reader)
                    return Refused($"takes uint8, which {reader} reads as it is; only what is cast to floats first has a gradient (export "
                        + "it with a float32 input)");
                var place = model.Graph.Inputs.FindIndex(value => value.Name == input.Name);
                model.Graph.Inputs[place] = model.Graph.Inputs[place] with { ElementType = OnnxElementType.Float };
            }

            var (onPixels, pixels) = InputConversion.OnPixels(model, format with { Type = OnnxElementType.Float }, image);
            return (onPixels, pixels, format, null);
        }
        catch (GradientException e)
        {
            return Refused($"cannot be differentiated ({e.Message.TrimEnd('.')})");
        }

        (OnnxModel, string, InputFormat, string?) Refused(string why) => (network, input.Name, format, why);
    }

    /// <summary>Why an output has no gradient by an input; null if it has one.</summary>
    public static string? WithoutGradient(OnnxModel model, string input, string output, string unreached)
    {
        try
        {
            GradientCompiler.Compile(model.Copy(), new GradientOptions { Inputs = [input], Outputs = [output] });
            return null;
        }
        catch (OnnxModelException)
        {
            return $"cannot be differentiated ({unreached})";
        }
        catch (UnsupportedOperatorException e)
        {
            return $"cannot be differentiated ({e.Message.TrimEnd('.')})";
        }
    }

    /// <summary>A refusal as it is told.</summary>
    public static string Refused(string network, string why) =>
        $"The inner network '{network}' {why}; the proposer learns from images and displacements alone.";

    /// <summary>Makes float16, bfloat16 and float64 float32.</summary>
    private static void InSinglePrecision(OnnxGraph graph)
    {
        static bool IsOther(OnnxElementType type) => type.IsFloat() && type != OnnxElementType.Float;
        static OnnxTensor Single(OnnxTensor tensor) =>
            OnnxTensor.FromDoubles(tensor.Name, OnnxElementType.Float, [.. tensor.Dimensions], tensor.ToDoubleArray());

        graph.ValueInfos.Clear();
        foreach (var values in new[] { graph.Inputs, graph.Outputs })
        {
            for (var i = 0; i < values.Count; i++)
            {
                if (IsOther(values[i].ElementType))
                    values[i] = values[i] with { ElementType = OnnxElementType.Float };
            }
        }

        foreach (var tensor in graph.Initializers.Values.Where(tensor => IsOther(tensor.ElementType)).ToList())
            graph.Initializers[tensor.Name] = Single(tensor);
        foreach (var node in graph.Nodes)
        {
            foreach (var attribute in node.Attributes.Values.ToList())
            {
                if (attribute.Kind == OnnxAttributeKind.Tensor && IsOther(attribute.Tensor.ElementType))
                    node.Attributes[attribute.Name] = OnnxAttribute.Of(attribute.Name, Single(attribute.Tensor));
                else if (attribute is { Kind: OnnxAttributeKind.Int, Name: "to" or "dtype" } && IsOther((OnnxElementType)attribute.Int))
                    node.Attributes[attribute.Name] = OnnxAttribute.Of(attribute.Name, (long)OnnxElementType.Float);
            }
        }
    }

    /// <summary>The first node to which it matters that the input holds bytes; null if they are moved and then cast to floats.</summary>
    private static OnnxNode? ReaderOfBytes(OnnxGraph graph, string input)
    {
        var bytes = new HashSet<string>(StringComparer.Ordinal) { input };
        foreach (var node in graph.Nodes.Where(node => OnnxGraph.Reads(node).Any(bytes.Contains)))
        {
            if (node is { Domain: "", OpType: "Cast" } && node.GetInt("to", 0) == (long)OnnxElementType.Float)
                continue;
            if (node.Domain.Length > 0 || !Moving.Contains(node.OpType) || OnnxGraph.Reads(node).Skip(1).Any(bytes.Contains))
                return node;
            bytes.UnionWith(node.Outputs);
        }

        return null;
    }
}
