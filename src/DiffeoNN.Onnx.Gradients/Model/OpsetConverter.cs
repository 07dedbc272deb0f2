namespace DiffeoNN.Onnx.Gradients;

/// <summary>Rewrites models for newer versions of the ai.onnx operator set, one row per operator and version that changed its
/// form.</summary>
public static partial class OpsetConverter
{
    private delegate IEnumerable<OnnxNode> Rewrite(OnnxNode node, Scope scope);

    /// <summary>A copy of a model at a newer version of the operator set, which computes the same.</summary>
    /// <param name="model">The model; model-local functions are inlined first.</param>
    /// <param name="opset">The version wanted, at least the model's.</param>
    /// <exception cref="OnnxModelException">The model is newer than <paramref name="opset"/>,
    /// or uses a form that newer versions lack.</exception>
    public static OnnxModel Convert(OnnxModel model, int opset)
    {
        var result = FunctionInliner.Inline(model);
        var from = result.Opset;
        if (from > opset)
            throw new OnnxModelException($"The model uses operator set {from}, newer than the {opset} wanted.");
        // Ranks are inferred from forms that inference knows: what is older is rewritten first.
        foreach (var step in new[] { 6, 7 }.Where(v => v > from && v < opset).Append(opset).ToList())
        {
            Convert(result.Graph, new Scope(result), from, step);
            from = step;
        }

        result.OpsetImports[""] = opset;
        result.IrVersion = Math.Max(result.IrVersion, MinimumIrVersion(opset));
        return result;
    }

    /// <summary>The format version that ONNX released together with an operator set.</summary>
    internal static long MinimumIrVersion(int opset) => opset switch
    {
        <= 8 => 3,
        9 => 4,
        10 => 5,
        11 => 6,
        <= 14 => 7,
        <= 18 => 8,
        <= 20 => 9,
        <= 22 => 10,
        23 => 11,
        _ => 12,
    };

    /// <summary>Rewrites a list of nodes, such as a function's body.</summary>
    internal static List<OnnxNode> Convert(IEnumerable<OnnxNode> nodes, OnnxModel owner, int from, int to)
    {
        var scope = new Scope(owner) { Constants = [] };
        var converted = Convert(nodes, scope, from, to);
        return [.. scope.Constants, .. converted];
    }

    private static void Convert(OnnxGraph graph, Scope scope, int from, int to)
    {
        // Before version 4 of the format every initialiser was listed as an input too, and none could be overridden.
        if (scope.Model.IrVersion < 4)
            graph.Inputs.RemoveAll(i => graph.Initializers.ContainsKey(i.Name));
        var nodes = Convert(graph.Nodes, scope, from, to);
        graph.Nodes.Clear();
        graph.Nodes.AddRange(nodes);
        foreach (var inner in graph.Nodes.SelectMany(n => n.Attributes.Values).SelectMany(a => a.Graphs))
            Convert(inner, scope, from, to);
    }

    private static List<OnnxNode> Convert(IEnumerable<OnnxNode> nodes, Scope scope, int from, int to)
    {
        var current = nodes.ToList();
        if (from < 6)
            current = [.. current.Select(n => n.Attributes.ContainsKey("consumed_inputs") ? Without(n, "consumed_inputs") : n)];
        foreach (var step in OldestRows.Concat(Rows).Where(r => r.Version > from && r.Version <= to).GroupBy(r => r.Version)
            .OrderBy(g => g.Key))
        {
            var rewrites = step.SelectMany(r => r.Operators.Select(o => (o, r.Rewrite))).ToDictionary(
                r => r.o, r => r.Rewrite, StringComparer.Ordinal);
            current = [.. current.SelectMany(
                n => n.Domain.Length == 0 && rewrites.TryGetValue(n.OpType, out var rewrite) ? rewrite(n, scope) : [n])];
        }

        return current;
    }

    private sealed record Row(int Version, string[] Operators, Rewrite Rewrite);

    /// <summary>Where a rewriting puts new constants and finds element types and ranks.</summary>
    private sealed class Scope(OnnxModel model)
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
}
