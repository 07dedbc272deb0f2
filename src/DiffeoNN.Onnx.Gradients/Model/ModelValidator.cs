namespace DiffeoNN.Onnx.Gradients;

/// <summary>Checks what a model says about itself before anything is made of it:
/// names, nesting, inputs and attributes of its nodes.</summary>
internal static class ModelValidator
{
    /// <summary>Graphs inside graphs; deeper ones are refused, since every pass descends into them.</summary>
    private const int MaximumDepth = 32;

    private const int MaximumRank = 64;

    /// <param name="model">The model.</param>
    /// <param name="operators">The operators there are.</param>
    /// <exception cref="OnnxModelException">The model is malformed; the message names the node or value and what was expected.</exception>
    public static void Check(OnnxModel model, OperatorSet operators)
    {
        var opset = model.Opset;
        CheckDepth(model);
        // Functions of the model take the place of operators.
        var known = new Known(operators, model.OpsetImports, [.. model.Functions.Select(f => (f.Domain, f.Name))]);
        Check(model.Graph, opset, known, isOuter: true);
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
                Check(node, (int)own, known, function.Name);
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

    private static void Check(OnnxGraph graph, int opset, Known known, bool isOuter)
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
            Check(node, opset, known, graph.Name);
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

    private static void Check(OnnxNode node, int opset, Known known, string where)
    {
        if (node.OpType.Length == 0)
            throw new OnnxModelException($"{node} of graph '{where}' has no operator.");
        if (node.Outputs.TrueForAll(o => o.Length == 0))
            throw new OnnxModelException($"{node} of graph '{where}' has no output.");
        if (known.Find(node) is { } row)
        {
            var version = node.Domain.Length == 0 ? opset : known.VersionOf(node.Domain);
            OperatorForms.Check(node, row, version);
            row.Bodies?.Invoke(node, version);
        }

        foreach (var inner in node.Attributes.Values.SelectMany(a => a.Graphs))
            Check(inner, opset, known, isOuter: false);
    }

    private sealed record Known(
        OperatorSet Operators, IReadOnlyDictionary<string, long> Imports, HashSet<(string Domain, string Name)> Functions)
    {
        public OperatorDefinition? Find(OnnxNode node) => node.Domain.Length > 0 && Functions.Contains((node.Domain, node.OpType))
            ? null : Operators.Find(node.Domain, node.OpType);

        public int VersionOf(string domain) => (int)Math.Clamp(Imports.GetValueOrDefault(domain, 1), 1, int.MaxValue);
    }
}
