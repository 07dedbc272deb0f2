namespace DiffeoNN.Onnx.Gradients;

/// <content>
/// Graphs inside nodes. An inner builder sees the values of the outer one and takes its names from the same store, so that no
/// name means two things; its constants go to the outermost graph.
/// </content>
internal sealed partial class GraphBuilder
{
    private readonly GraphBuilder? _outer;
    private readonly bool _repeats;

    private GraphBuilder(GraphBuilder outer, bool repeats)
    {
        (_outer, _repeats) = (outer, repeats);
        (Opset, Operators, Imports) = (outer.Opset, outer.Operators, outer.Imports);
        (Prefix, Target) = (outer.Prefix, outer.Target);
        (_names, _counters) = (outer._names, outer._counters);
    }

    /// <summary>A builder for a graph inside a node of this graph.</summary>
    /// <param name="repeats">Whether the graph runs many times, so that what does not change is computed outside of it.</param>
    public GraphBuilder Body(bool repeats) => new(this, repeats);

    /// <summary>Makes the values of another graph's forward pass known here;
    /// the graph's node is to hand over those that are used.</summary>
    public void Borrow(GraphBuilder forward)
    {
        foreach (var (name, value) in forward._values)
            _values[name] = new Value(this, name, value.Facts);
        foreach (var (key, node) in forward._known)
            _known.TryAdd(key, node);
    }

    /// <summary>Adds a constant of the model, to the outermost graph.</summary>
    public void AddInitializer(OnnxTensor tensor)
    {
        if (_outer is not null)
        {
            _outer.AddInitializer(tensor);
            return;
        }

        Graph.AddInitializer(tensor);
        Add(tensor.Name, ValueFacts.Of(tensor));
    }

    /// <summary>Declares an input of this inner graph.</summary>
    public Value AddInput(string hint, ValueFacts facts)
    {
        var value = Add(Fresh(hint), facts);
        Graph.Inputs.Add(Ranked(value.Name, facts));
        return value;
    }

    /// <summary>Makes a value an output of this inner graph; one that no node of it makes, or that is an output already,
    /// is handed through.</summary>
    public void AddResult(Value value)
    {
        var name = value.Name;
        if (Graph.Outputs.Exists(o => o.Name == name) || !Graph.Nodes.Exists(n => n.Outputs.Contains(name)))
        {
            name = Add(Fresh("result"), value.Facts).Name;
            Graph.AddNode("Identity", [value.Name], name);
        }

        Graph.Outputs.Add(Ranked(name, value.Facts));
    }

    /// <summary>The declaration of a value of an inner graph: its rank, which the runtime wants to know of loops, and no sizes.</summary>
    public static OnnxValueInfo Ranked(string name, ValueFacts facts) =>
        new(name, facts.ElementType, facts.Shape?.Select(_ => OnnxDimension.Unknown).ToArray());

    /// <summary>Adds a node that holds graphs.</summary>
    /// <param name="node">The node, without outputs.</param>
    /// <param name="facts">What is known about each output.</param>
    public Value[] AddNode(OnnxNode node, IEnumerable<ValueFacts> facts)
    {
        Value[] values = [.. facts.Select(f => Add(Fresh(node.OpType), f))];
        node.Outputs.AddRange(values.Select(v => v.Name));
        node.Name = node.Outputs[0];
        foreach (var graph in node.Attributes.Values.SelectMany(a => a.Graphs))
        {
            graph.Name = node.Name;
            DeadCode.Remove(graph);
        }

        Graph.Nodes.Add(node);
        return values;
    }

    private Value? Find(string name) =>
        _values.TryGetValue(name, out var value) ? value : _outer?.Find(name) is { } outer ? Inner(outer) : null;

    /// <summary>A value of the outer graph as one to compute with in this graph.</summary>
    private Value Inner(Value outer) => new(this, outer.Name, outer.Facts);

    private OnnxNode? Known(string key) => _known.TryGetValue(key, out var node) ? node : _outer?.Known(key);

    private bool IsInvariant(OnnxNode node) => _repeats && node.Inputs.Count > 0 && node.Attributes.Values.All(a => a.Graphs.Count == 0)
        && !IsRandom(node) && node.OpType != "Dropout" && !node.Inputs.Exists(_values.ContainsKey);
}
