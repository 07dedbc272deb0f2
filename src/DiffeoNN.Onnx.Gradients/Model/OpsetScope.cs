namespace DiffeoNN.Onnx.Gradients;

/// <summary>Where a rewriting puts new constants and finds element types and ranks.</summary>
internal sealed class OpsetScope(OnnxModel model)
{
    private readonly Lazy<IReadOnlyDictionary<string, ValueFacts>> _facts = new(() => ShapeInference.Infer(model));
    private readonly HashSet<string> _names = new(
        model.Graph.Nodes.SelectMany(n => n.Outputs).Concat(model.Graph.Inputs.Select(i => i.Name)), StringComparer.Ordinal);
    private readonly Lazy<HashSet<string>> _read = new(() => Read(model));
    private int _count;

    public OnnxModel Model { get; } = model;

    /// <summary>Whether a node, a graph or a function uses a value.</summary>
    public bool IsRead(string value) => _read.Value.Contains(value);

    /// <summary>Nodes that make the constants of a function's body; null where constants become initialisers of the graph.</summary>
    public List<OnnxNode>? Constants { get; init; }

    public string Constant(OnnxTensor tensor)
    {
        var name = Fresh("constant");
        if (Constants is null)
            return Model.Graph.AddInitializer(tensor.WithName(name));
        Constants.Add(new OnnxNode("Constant", [], [name], OnnxAttribute.Of("value", tensor)));
        return name;
    }

    public string Constant(IEnumerable<long> values) => Constant(OnnxTensor.Int64s("", values.ToArray()));

    public string Fresh(string hint)
    {
        string name;
        do
        {
            name = $"opset/{hint}_{_count++}";
        }
        while (Model.Graph.Initializers.ContainsKey(name) || !_names.Add(name));
        return name;
    }

    public OnnxElementType TypeOf(string value) => _facts.Value.TryGetValue(value, out var facts) && facts.ElementType.IsFloat()
        ? facts.ElementType : OnnxElementType.Float;

    /// <summary>The elements of a constant; null where it is none.</summary>
    public double[]? NumbersOf(string value) => Model.Graph.Initializers.TryGetValue(value, out var tensor)
        ? Model.Graph.Inputs.Exists(i => i.Name == value) ? null : tensor.ToDoubleArray()
        : _facts.Value.TryGetValue(value, out var facts) && facts.Constant is { } constant ? constant.ToDoubleArray() : null;

    /// <summary>The number of elements where it is known.</summary>
    public long? SizeOf(string value) =>
        _facts.Value.TryGetValue(value, out var facts) ? facts.Sizes?.Aggregate(1L, (a, b) => a * b) : null;

    private static HashSet<string> Read(OnnxModel model)
    {
        static IEnumerable<string> Names(IEnumerable<OnnxNode> nodes) =>
            nodes.SelectMany(n => n.Inputs.Concat(n.Attributes.Values.SelectMany(a => a.Graphs).SelectMany(Used)));
        static IEnumerable<string> Used(OnnxGraph graph) => Names(graph.Nodes).Concat(graph.Outputs.Select(o => o.Name));
        return Used(model.Graph).Concat(model.Functions.SelectMany(f => Names(f.Nodes).Concat(f.Outputs)))
            .ToHashSet(StringComparer.Ordinal);
    }

    public int? RankOf(string value) => _facts.Value.TryGetValue(value, out var facts) ? facts.Shape?.Length : null;
}
