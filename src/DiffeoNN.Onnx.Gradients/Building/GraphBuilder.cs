using System.Globalization;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>
/// A graph under construction. Equal nodes are made once, nodes with known results become constants,
/// and the shape of everything is inferred as it is added.
/// </summary>
internal sealed partial class GraphBuilder
{
    private readonly Dictionary<string, Value> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OnnxNode> _known = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OnnxNode> _makers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OnnxNode> _imported = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Value> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<Type, object> _notes = [];
    private readonly HashSet<string> _names;
    private readonly Dictionary<string, int> _counters;

    /// <param name="opset">Version of the ai.onnx operator set that nodes are made for.</param>
    /// <param name="operators">The operators there are; null for the default set.</param>
    public GraphBuilder(int opset, OperatorSet? operators = null)
    {
        (Opset, Operators) = (opset, operators ?? OperatorSet.Default);
        (_names, _counters) = (new HashSet<string>(StringComparer.Ordinal), new Dictionary<string, int>(StringComparer.Ordinal));
    }

    /// <summary>Version of the ai.onnx operator set that nodes are made for.</summary>
    public int Opset { get; }

    /// <summary>The operators there are.</summary>
    public OperatorSet Operators { get; }

    /// <summary>Versions of the operator sets that the model imports, by domain.</summary>
    public IReadOnlyDictionary<string, long> Imports { get; init; } = new Dictionary<string, long>();

    /// <summary>What the graph is to be fast on.</summary>
    public GradientTarget Target { get; init; }

    public OnnxGraph Graph { get; } = new();

    /// <summary>Put before the names of new values.</summary>
    public string Prefix { get; set; } = "";

    public Value this[string name] => Find(name) ?? throw new OnnxModelException($"Nothing supplies '{name}'.");

    /// <summary>What passes and rules note down about values for one another, by kind of note and name.</summary>
    /// <typeparam name="T">The kind of note.</typeparam>
    public Dictionary<string, T> Notes<T>()
    {
        if (!_notes.TryGetValue(typeof(T), out var notes))
            _notes[typeof(T)] = notes = new Dictionary<string, T>(StringComparer.Ordinal);
        return (Dictionary<string, T>)notes;
    }

    /// <summary>Version of an operator set that nodes are made for.</summary>
    public int VersionOf(string domain) =>
        domain.Length == 0 ? Opset : (int)Math.Clamp(Imports.GetValueOrDefault(domain, 1), 1, int.MaxValue);

    /// <summary>The new node that makes a value; null for values of the forward graph and constants.</summary>
    public OnnxNode? MakerOf(Value value) => _makers.GetValueOrDefault(value.Name);

    /// <summary>The node of the forward graph that makes a value; null for other values.</summary>
    public OnnxNode? ForwardMakerOf(Value value) => _imported.GetValueOrDefault(value.Name);

    /// <summary>Keeps a name from being given to a new value.</summary>
    public void Reserve(string name) => _names.Add(name);

    public bool Contains(string name) => Find(name) is not null;

    /// <summary>Makes a value known that comes from outside the new nodes.</summary>
    public Value Add(string name, ValueFacts facts)
    {
        _names.Add(name);
        return _values[name] = new Value(this, name, facts);
    }

    /// <summary>Takes over a node of the model with its names.</summary>
    /// <param name="node">The node.</param>
    /// <param name="declared">What the model says about its values.</param>
    public void Import(OnnxNode node, IReadOnlyDictionary<string, OnnxValueInfo> declared)
    {
        IReadOnlyList<OnnxNode> parts = [node];
        foreach (var pass in GradientPasses.All)
            parts = [.. parts.SelectMany(part => pass.Imported(part, this))];
        foreach (var part in parts)
            ImportAsIs(part, declared);
    }

    private void ImportAsIs(OnnxNode node, IReadOnlyDictionary<string, OnnxValueInfo> declared)
    {
        var foldable = true;
        foreach (var (name, facts) in ShapeInference.Infer(node, Lookup, declared, operators: Operators).ToList())
        {
            Add(name, facts);
            foldable &= facts.Constant is not null;
        }

        if (foldable && node.Outputs.Count == 1 && node.Outputs[0].Length > 0)
        {
            AddInitializer(this[node.Outputs[0]].Facts.Constant!.WithName(node.Outputs[0]));
            return;
        }

        Graph.Nodes.Add(node);
        _known.TryAdd(Key(node), node);
        foreach (var output in node.Outputs)
            _imported[output] = node;
    }

    /// <summary>A constant; equal small ones are kept once.</summary>
    public Value Constant(OnnxTensor tensor)
    {
        if (_outer is not null)
            return Inner(_outer.Constant(tensor));
        var key = tensor.Data.Length <= 64
            ? $"{tensor.ElementType}[{string.Join(',', tensor.Dimensions)}]{System.Convert.ToHexString(tensor.Data.Span)}"
            : "";
        if (key.Length > 0 && _constants.TryGetValue(key, out var known))
            return known;
        var name = Fresh("constant");
        var value = Add(name, ValueFacts.Of(tensor.WithName(name)));
        Graph.AddInitializer(value.Facts.Constant!);
        if (key.Length > 0)
            _constants[key] = value;
        return value;
    }

    public Value Scalar(double number, OnnxElementType type) => Constant(OnnxTensor.FromDoubles("", type, [], [number]));

    public Value Integers(params ReadOnlySpan<long> values) => Constant(OnnxTensor.Int64s("", values));

    /// <summary>Adds a node without attributes and with one output.</summary>
    public Value Op(string opType, params ReadOnlySpan<Value> inputs) => Node(opType, inputs)[0];

    /// <summary>Adds a node with one output, or finds the one that is there.</summary>
    public Value[] Node(string opType, ReadOnlySpan<Value> inputs, params ReadOnlySpan<OnnxAttribute> attributes) =>
        Node(opType, inputs, 1, attributes);

    /// <summary>Adds a node, or finds the one that is there. Null inputs are absent ones.</summary>
    public Value[] Node(string opType, ReadOnlySpan<Value?> inputs, int outputs, params ReadOnlySpan<OnnxAttribute> attributes)
    {
        var node = new OnnxNode(opType, inputs.ToArray().Select(i => i?.Name ?? ""), [], attributes.ToArray());
        return Node(node, outputs);
    }

    /// <summary>Adds a node, or finds the one that is there.</summary>
    /// <param name="node">The node without name and outputs.</param>
    /// <param name="outputs">Number of its outputs.</param>
    public Value[] Node(OnnxNode node, int outputs)
    {
        var opType = node.OpType;
        while (node.Inputs.Count > 0 && node.Inputs[^1].Length == 0)
            node.Inputs.RemoveAt(node.Inputs.Count - 1);
        if (IsInvariant(node))
            return [.. _outer!.Node(node, outputs).Select(Inner)];
        var key = Key(node);
        if (Known(key) is { } same && same.Outputs.Count >= outputs && same.Outputs.Take(outputs).All(o => o.Length > 0))
            return [.. same.Outputs.Take(outputs).Select(o => this[o])];
        var name = Fresh(opType);
        node.Name = name;
        for (var i = 0; i < outputs; i++)
            node.Outputs.Add(i == 0 ? name : Fresh(opType));
        var facts = ShapeInference.Infer(node, Lookup, operators: Operators).ToList();
        if (outputs == 1 && facts[0].Facts.Constant is { } constant)
            return [Constant(constant)];
        Graph.Nodes.Add(node);
        _known[key] = node;
        foreach (var output in node.Outputs)
            _makers[output] = node;
        return [.. facts.Select(f => Add(f.Name, f.Facts))];
    }

    /// <summary>Joins values along an axis.</summary>
    public Value Concat(int axis, params ReadOnlySpan<Value> values) =>
        values.Length == 1 ? values[0] : Node("Concat", values, OnnxAttribute.Of("axis", axis))[0];

    /// <summary>Names a further output of a node that is there already.</summary>
    public Value AddOutput(string hint, ValueFacts facts) => Add(Fresh(hint), facts);

    /// <summary>What is known about a value; nothing where there is none of that name.</summary>
    public ValueFacts Lookup(string name) => Find(name)?.Facts ?? ValueFacts.None;

    /// <summary>A name that nothing has yet.</summary>
    public string Fresh(string hint)
    {
        var stem = Prefix + hint;
        if (!_counters.ContainsKey(stem) && _names.Add(stem))
        {
            _counters[stem] = 1;
            return stem;
        }

        string name;
        do
        {
            var count = _counters[stem] = _counters.GetValueOrDefault(stem, 0) + 1;
            name = string.Create(CultureInfo.InvariantCulture, $"{stem}_{count}");
        }
        while (!_names.Add(name));
        return name;
    }

    /// <summary>Equal for nodes that compute the same; nodes that draw random numbers or hold graphs equal nothing.</summary>
    private string Key(OnnxNode node)
    {
        var unique = IsRandom(node) || node.Attributes.Values.Any(a => a.Graphs.Count > 0
            || a.Kind is not (OnnxAttributeKind.Int or OnnxAttributeKind.Float or OnnxAttributeKind.Ints or OnnxAttributeKind.Floats
                or OnnxAttributeKind.String));
        return unique ? $"#{node.Outputs.FirstOrDefault() ?? Guid.NewGuid().ToString()}"
            : $"{node.Domain}:{node.OpType}({string.Join(',', node.Inputs)}){string.Join(';', node.Attributes.Values)}";
    }

    private bool IsRandom(OnnxNode node) => Operators.Find(node.Domain, node.OpType) is { IsRandom: true };
}
