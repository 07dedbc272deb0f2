namespace DiffeoNN.Onnx.Gradients;

/// <summary>Checks what a model says about itself before anything is made of it:
/// names, nesting, inputs and attributes of its nodes.</summary>
internal static class ModelValidator
{
    /// <summary>Graphs inside graphs; deeper ones are refused, since every pass descends into them.</summary>
    private const int MaximumDepth = 32;

    private const int MaximumRank = 64;

    /// <exception cref="OnnxModelException">The model is malformed; the message names the node or value and what was expected.</exception>
    public static void Check(OnnxModel model)
    {
        var opset = model.Opset;
        CheckDepth(model);
        Check(model.Graph, opset, isOuter: true);
        foreach (var function in model.Functions)
        {
            if (function.Name.Length == 0)
                throw new OnnxModelException("A model-local function has no name.");
            var own = function.OpsetImports.GetValueOrDefault("", opset);
            if (own is < 1 or > 1000)
                throw new OnnxModelException($"Function '{function.Name}' imports version {own} of the ai.onnx operator set.");
            if (function.Inputs.Distinct(StringComparer.Ordinal).Count() < function.Inputs.Count
                || function.Outputs.Distinct(StringComparer.Ordinal).Count() < function.Outputs.Count)
                throw new OnnxModelException($"Function '{function.Name}' has two inputs or two outputs of one name.");
            foreach (var node in function.Nodes)
                Check(node, (int)own, function.Name);
        }
    }

    /// <summary>Without recursion: the graphs may be nested as deep as they like.</summary>
    private static void CheckDepth(OnnxModel model)
    {
        var waiting =
            new Stack<(OnnxNode Node, int Depth)>(model.Graph.Nodes.Concat(model.Functions.SelectMany(f => f.Nodes)).Select(n => (n, 1)));
        while (waiting.TryPop(out var next))
        {
            foreach (var inner in next.Node.Attributes.Values.SelectMany(a => a.Graphs).SelectMany(g => g.Nodes))
            {
                if (next.Depth >= MaximumDepth)
                    throw new OnnxModelException($"{next.Node} holds graphs inside graphs, more than {MaximumDepth} deep.");
                waiting.Push((inner, next.Depth + 1));
            }
        }
    }

    private static void Check(OnnxGraph graph, int opset, bool isOuter)
    {
        Distinct(graph, graph.Inputs, "inputs");
        Distinct(graph, graph.Outputs, "outputs");
        foreach (var value in graph.Inputs.Concat(graph.Outputs).Concat(graph.ValueInfos))
        {
            if (value.ElementType.ByteCount(1) < 0 && value.ElementType is not (OnnxElementType.Undefined or OnnxElementType.String))
                throw new OnnxModelException(
                    $"'{value.Name}' is declared with element type {(int)value.ElementType}, which the format does not know.");
            if (value.Shape?.Count > MaximumRank)
                throw new OnnxModelException(
                    $"'{value.Name}' is declared with {value.Shape.Count} dimensions; at most {MaximumRank} are expected.");
        }

        foreach (var (name, tensor) in graph.Initializers)
        {
            if (tensor.Dimensions.Count > MaximumRank)
                throw new OnnxModelException(
                    $"Tensor '{name}' has {tensor.Dimensions.Count} dimensions; at most {MaximumRank} are expected.");
            if (isOuter && graph.Inputs.Find(i => i.Name == name) is { ElementType: not OnnxElementType.Undefined } input
                && input.ElementType != tensor.ElementType)
                throw new OnnxModelException($"Input {input} has a default value of type {tensor.ElementType}.");
        }

        foreach (var node in graph.Nodes)
            Check(node, opset, graph.Name);
    }

    private static void Distinct(OnnxGraph graph, List<OnnxValueInfo> values, string what)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var value in values)
        {
            if (value.Name.Length == 0)
                throw new OnnxModelException($"Graph '{graph.Name}' has {what} without a name.");
            if (!seen.Add(value.Name))
                throw new OnnxModelException($"Graph '{graph.Name}' has two {what} named '{value.Name}'.");
        }
    }

    private static void Check(OnnxNode node, int opset, string where)
    {
        if (node.OpType.Length == 0)
            throw new OnnxModelException($"{node} of graph '{where}' has no operator.");
        if (node.Outputs.TrueForAll(o => o.Length == 0))
            throw new OnnxModelException($"{node} of graph '{where}' has no output.");
        if (node.Domain.Length == 0)
        {
            OperatorForms.Check(node, opset);
            BodyForms.Check(node, opset);
        }

        foreach (var inner in node.Attributes.Values.SelectMany(a => a.Graphs))
            Check(inner, opset, isOuter: false);
    }
}
