using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.GpuCheck.Operators;

/// <summary>A graph of a single node.</summary>
/// <param name="Name">Operator, version and variant.</param>
/// <param name="OpType">The operator.</param>
/// <param name="Model">The graph.</param>
/// <param name="Inputs">Its inputs.</param>
internal sealed record OperatorCase(string Name, string OpType, OnnxModel Model, IReadOnlyList<OnnxTensor> Inputs)
{
    /// <summary>A node with one output.</summary>
    /// <param name="variant">What the name says beside operator and version.</param>
    /// <param name="opset">The operator set.</param>
    /// <param name="opType">The operator.</param>
    /// <param name="inputs">What it reads, in its order; null for one that is left out.</param>
    /// <param name="output">Type of its output.</param>
    /// <param name="attributes">Its attributes.</param>
    /// <remarks>Inputs whose name begins with <c>const</c> are initialisers.</remarks>
    public static OperatorCase Of(
        string variant, int opset, string opType, OnnxTensor?[] inputs, OnnxElementType output, params IEnumerable<OnnxAttribute> attributes) =>
        Of(variant, opset, opType, inputs, [output], attributes);

    /// <summary>A node with several outputs.</summary>
    public static OperatorCase Of(
        string variant, int opset, string opType, OnnxTensor?[] inputs, IReadOnlyList<OnnxElementType> outputs, params IEnumerable<OnnxAttribute> attributes)
    {
        var graph = new OnnxGraph { Name = opType };
        foreach (var tensor in inputs.OfType<OnnxTensor>())
        {
            if (IsConstant(tensor)) graph.AddInitializer(tensor);
            else graph.Inputs.Add(new OnnxValueInfo(tensor.Name, tensor.ElementType, [.. tensor.Dimensions.Select(OnnxDimension.Of)]));
        }

        string[] names = [.. outputs.Select((_, i) => $"output{i}")];
        graph.Nodes.Add(new OnnxNode(opType, inputs.Select(tensor => tensor?.Name ?? ""), names, attributes) { Name = "node" });
        graph.Outputs.AddRange(names.Zip(outputs, (name, type) => new OnnxValueInfo(name, type, null)));
        var model = new OnnxModel { Graph = graph };
        model.OpsetImports[""] = opset;
        return new($"{opType}-{opset} {variant}".TrimEnd(), opType, model, [.. inputs.OfType<OnnxTensor>().Where(tensor => !IsConstant(tensor))]);
    }

    private static bool IsConstant(OnnxTensor tensor) => tensor.Name.StartsWith("const", StringComparison.Ordinal);
}
