namespace DiffeoNN.Onnx.Gradients;

/// <content>Nodes that hold graphs.</content>
internal static partial class ShapeInference
{
    /// <summary>What is known about the outputs of a graph inside a node.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="outer">What is known about values around it.</param>
    /// <param name="inputs">What is known about its inputs.</param>
    /// <param name="operators">The operators there are.</param>
    internal static ValueFacts[] InferBody(
        OnnxGraph graph, Func<string, ValueFacts> outer, IReadOnlyList<ValueFacts> inputs, OperatorSet operators)
    {
        var facts = new Dictionary<string, ValueFacts>(StringComparer.Ordinal);
        foreach (var (name, tensor) in graph.Initializers)
            facts[name] = ValueFacts.Of(tensor);
        for (var i = 0; i < graph.Inputs.Count; i++)
            facts[graph.Inputs[i].Name] = i < inputs.Count
                ? Merge(inputs[i], ValueFacts.Of(graph.Inputs[i]))
                : ValueFacts.Of(graph.Inputs[i]);
        ValueFacts Lookup(string name) => facts.TryGetValue(name, out var known) ? known : outer(name);
        var declared = Declared(graph);
        foreach (var node in graph.Nodes)
        {
            foreach (var (name, value) in Infer(node, Lookup, declared, operators: operators).ToList())
                facts[name] = value;
        }

        return [.. graph.Outputs.Select(o => Merge(Lookup(o.Name), ValueFacts.Of(o)))];
    }

    /// <summary>What is known about the states of a loop at every step:
    /// what its first value and what a step makes of it have in common.</summary>
    /// <returns>The states, and the results of a step.</returns>
    internal static (ValueFacts[] States, ValueFacts[] Results) LoopStates(InferenceContext n)
    {
        var graph = n.Node.Attributes["body"].Graph;
        ValueFacts[] states = [.. Enumerable.Range(2, Math.Max(0, n.Count - 2)).Select(i => Varying(n.Facts(i)))];
        // Sizes that a step changes are not known; every round at least one state loses its sizes or its rank.
        while (true)
        {
            var results = InferBody(graph, n.Lookup, [.. LoopCounters, .. states], n.Operators);
            ValueFacts[] common = [.. states.Select((s, i) => i + 1 < results.Length ? Common(n, i, s, results[i + 1]) : s)];
            if (common.Zip(states).All(pair => SameShape(pair.First.Shape, pair.Second.Shape)))
                return (states, results);
            states = common;
        }
    }

    /// <summary>What is known about the inputs of a scan's body: states, and elements of the sequences.</summary>
    internal static ValueFacts[] ScanInputs(InferenceContext n)
    {
        var sequences = (int)n.Node.GetInt("num_scan_inputs", 0);
        var axes = n.Node.GetInts("scan_input_axes");
        return [.. Enumerable.Range(0, n.Count).Select(i =>
        {
            var facts = Varying(n.Facts(i));
            var k = i - (n.Count - sequences);
            return k < 0 || facts.Shape is null ? facts
                : facts with { Shape = [.. facts.Shape.Where((_, a) => a != n.Axis(axes?[k] ?? 0, facts.Shape.Length))] };
        })];
    }

    internal static ValueFacts[] LoopCounters { get; } = [new(OnnxElementType.Int64, []), new(OnnxElementType.Bool, [])];

    private static bool SameShape(Dim[]? a, Dim[]? b) => a is null || b is null ? a is null && b is null : a.SequenceEqual(b);

    private static ValueFacts Varying(ValueFacts facts) => new(facts.ElementType, facts.Shape);

    private static ValueFacts Common(InferenceContext n, int output, ValueFacts a, ValueFacts b)
    {
        var type = a.ElementType == OnnxElementType.Undefined ? b.ElementType : a.ElementType;
        return new ValueFacts(type, a.Shape is null || b.Shape is null || a.Shape.Length != b.Shape.Length ? null
            : [.. a.Shape.Zip(b.Shape, (x, y) => (x, y)).Select((pair, axis) => pair.x.Equals(pair.y)
                ? pair.x
                : Dim.Symbol($"{n.Node.Outputs.ElementAtOrDefault(output) ?? n.Node.Name}.{output}.{axis}"))]);
    }

    internal static ValueFacts[] If(InferenceContext n)
    {
        if (!n.Node.Attributes.TryGetValue("then_branch", out var first) || !n.Node.Attributes.TryGetValue("else_branch", out var second))
            return [];
        var (yes, no) = (InferBody(first.Graph, n.Lookup, [], n.Operators), InferBody(second.Graph, n.Lookup, [], n.Operators));
        return [.. yes.Zip(no).Select((pair, i) => Common(n, i, pair.First, pair.Second))];
    }

    internal static ValueFacts[] Loop(InferenceContext n)
    {
        if (!n.Node.Attributes.ContainsKey("body"))
            return [];
        var (states, results) = LoopStates(n);
        return [.. states, .. results.Skip(1 + states.Length).Select((r, k) =>
            new ValueFacts(r.ElementType, r.Shape is null ? null : [Dim.Symbol($"{n.Node.Name}.{n.Node.Outputs[0]}.steps"), .. r.Shape]))];
    }

    internal static ValueFacts[] Scan(InferenceContext n)
    {
        if (!n.Node.Attributes.TryGetValue("body", out var body))
            return [];
        var graph = body.Graph;
        // Version 8 had lengths as a further input; it is rewritten before anything asks.
        if (n.Count != graph.Inputs.Count)
            return [];
        var inputs = ScanInputs(n);
        var sequences = (int)n.Node.GetInt("num_scan_inputs", 0);
        var states = n.Count - sequences;
        var results = InferBody(graph, n.Lookup, inputs, n.Operators);
        var length = Enumerable.Range(0, sequences).Select(
            k => n.Shape(states + k)?[n.Axis(n.Node.GetInts("scan_input_axes")?[k] ?? 0, n.Shape(states + k)!.Length)])
            .FirstOrDefault(d => d is not null) ?? n.Unknown(0);
        var axes = n.Node.GetInts("scan_output_axes");
        return [.. inputs.Take(states), .. results.Skip(states).Select((r, k) =>
        {
            if (r.Shape is null)
                return new ValueFacts(r.ElementType, null);
            var shape = r.Shape.ToList();
            shape.Insert(n.Axis(axes is null || k >= axes.Count ? 0 : axes[k], shape.Count + 1), length);
            return new ValueFacts(r.ElementType, [.. shape]);
        })];
    }
}
