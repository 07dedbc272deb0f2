namespace DiffeoNN.Onnx.Gradients;

/// <content>Control flow in the forward graph: choices that are constant are made, short loops are written out,
/// and other bodies taken over.</content>
internal sealed partial class GradientCompilation
{
    /// <summary>The compilation of a graph inside a node.</summary>
    private GradientCompilation(GradientCompilation outer, GraphBuilder builder)
    {
        (_model, _options, _builder) = (outer._model, outer._options, builder);
        (_refused, _control) = (outer._refused, outer._control);
        _reached.UnionWith(outer._reached);
    }

    private void Reserve(OnnxGraph graph)
    {
        foreach (var node in graph.Nodes)
        {
            foreach (var name in node.Outputs)
                _builder.Reserve(name);
            foreach (var inner in node.Attributes.Values.SelectMany(a => a.Graphs))
                Reserve(inner);
        }
    }

    /// <summary>Takes over a node of control flow, unless it can stay as it is.</summary>
    private bool ImportControl(OnnxNode node)
    {
        if (node.Domain.Length > 0 || node.OpType is not ("If" or "Loop" or "Scan"))
            return false;
        if (node.OpType == "If" && _builder[node.Inputs[0]].Facts.Items is [{ IsKnown: true } condition])
        {
            Inline(node, node.Attributes[condition.Number != 0 ? "then_branch" : "else_branch"].Graph, $"{node.Outputs[0]}/",
                [], node.Outputs);
            return true;
        }

        if (!OnnxGraph.Reads(node).Any(_reached.Contains) || !node.Outputs.Any(_leading.Contains) || HandsOverSequences(node))
            return false;
        if (node.OpType == "If")
            ImportBranches(node);
        else if (Steps(node) is not { } steps || !Unrolling.Suits(node, steps) || !Unroll(node, (int)steps))
            ImportLoop(node);
        return true;
    }

    /// <summary>Whether sequences or optional values go in or out, which have no gradient.</summary>
    private static bool HandsOverSequences(OnnxNode node) =>
        node.Attributes.Values.SelectMany(a => a.Graphs).SelectMany(g => g.Inputs.Concat(g.Outputs)).Any(v => v.OtherType is not null);

    /// <summary>Puts a graph in the place of its node.</summary>
    /// <param name="node">The node.</param>
    /// <param name="graph">The graph.</param>
    /// <param name="prefix">Put before the names of its own values.</param>
    /// <param name="inputs">Values that take the place of its inputs.</param>
    /// <param name="outputs">Names for its outputs; null for those that it has.</param>
    /// <returns>The names of its outputs.</returns>
    private List<string> Inline(OnnxNode node, OnnxGraph graph, string prefix, IReadOnlyList<string> inputs, IReadOnlyList<string>? outputs)
    {
        graph = Unrolling.Renamed(
            graph, prefix, graph.Inputs.Select((input, i) => (input.Name, Value: inputs[i])).ToDictionary(p => p.Name, p => p.Value));
        foreach (var tensor in graph.Initializers.Values)
            _builder.AddInitializer(tensor);
        if (node.Outputs.Any(_leading.Contains))
            _leading.UnionWith(graph.Nodes.SelectMany(n => n.Outputs));
        foreach (var inner in graph.Nodes)
            ImportNode(inner);
        foreach (var (result, output) in graph.Outputs.Zip(outputs ?? []).Where(p => p.Second.Length > 0))
            ImportNode(new OnnxNode("Identity", [result.Name], [output]) { Name = output });
        return [.. graph.Outputs.Select(o => o.Name)];
    }

    private GradientCompilation InnerForward(OnnxGraph graph, bool repeats)
    {
        var inner = new GradientCompilation(this, _builder.Body(repeats)) { _declared = ShapeInference.Declared(graph) };
        inner._leading.UnionWith(Leading(graph, graph.Outputs.Select(o => o.Name)));
        return inner;
    }

    /// <summary>Takes over a graph inside a node.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="prefix">Put before the names of its own values.</param>
    /// <param name="inputs">What is known about its inputs.</param>
    /// <param name="repeats">Whether it runs several times.</param>
    private ForwardBody ImportBody(OnnxGraph graph, string prefix, IReadOnlyList<ValueFacts> inputs, bool repeats)
    {
        graph = Unrolling.Renamed(graph, prefix);
        Reserve(graph);
        var inner = InnerForward(graph, repeats);
        for (var i = 0; i < graph.Inputs.Count; i++)
        {
            var facts = inputs[i] with
                { ElementType = inputs[i].ElementType == OnnxElementType.Undefined ? graph.Inputs[i].ElementType : inputs[i].ElementType };
            inner._builder.Add(graph.Inputs[i].Name, facts);
            inner._builder.Graph.Inputs.Add(GraphBuilder.Ranked(graph.Inputs[i].Name, facts));
            // What is carried from step to step may be reached in a later one.
            if (facts.ElementType.IsFloat())
                inner._reached.Add(graph.Inputs[i].Name);
        }

        foreach (var tensor in graph.Initializers.Values)
            inner._builder.AddInitializer(tensor);
        foreach (var node in graph.Nodes)
            inner.ImportNode(node);
        var nodes = inner._builder.Graph.Nodes.ToList();
        List<string> results = [.. graph.Outputs.Select(o => o.Name)];
        foreach (var name in results)
            inner._builder.AddResult(inner._builder[name]);
        var flowing = results.Where(inner.CarriesDerivative).ToHashSet(StringComparer.Ordinal);
        for (var i = nodes.Count - 1; i >= 0; i--)
        {
            if (nodes[i].Outputs.Any(flowing.Contains))
                flowing.UnionWith(inner.DifferentiableInputs(nodes[i], RuleOf(nodes[i])));
        }

        flowing.ExceptWith(nodes.SelectMany(n => n.Outputs));
        return new ForwardBody(inner._builder, nodes, [.. graph.Inputs.Select(i => i.Name)], results, flowing);
    }

    private void ImportBranches(OnnxNode node)
    {
        ForwardBody Branch(string name) =>
            ImportBody(node.Attributes[$"{name}_branch"].Graph, $"{node.Outputs[0]}/{name}/", [], repeats: false);
        var (yes, no) = (Branch("then"), Branch("else"));
        var copy = node.Copy().With(OnnxAttribute.Of("then_branch", yes.Builder.Graph), OnnxAttribute.Of("else_branch", no.Builder.Graph));
        ImportControl(copy, new ControlNode([yes, no], [.. yes.Differentiable.Union(no.Differentiable)], null), yes.Results.Count);
    }

    private void ImportLoop(OnnxNode node)
    {
        var context = new InferenceContext(node, name => _builder.Contains(name) ? _builder[name].Facts : ValueFacts.None)
            { Operators = _builder.Operators };
        var inputs = node.OpType == "Loop"
            ? [.. ShapeInference.LoopCounters, .. ShapeInference.LoopStates(context).States]
            : ShapeInference.ScanInputs(context);
        var form = LoopForm.Of(node);
        var body = ImportBody(node.Attributes["body"].Graph, $"{node.Outputs[0]}/body/", inputs, repeats: true);
        var differentiable = body.Differentiable
            .Select(name => body.Inputs.ToList().IndexOf(name) is >= 0 and var i ? node.Inputs[i] : name)
            .Where(n => n.Length > 0)
            .Distinct();
        var copy = node.Copy().With(OnnxAttribute.Of("body", body.Builder.Graph));
        ImportControl(copy, new ControlNode([body], [.. differentiable], form), form.States + form.Outputs.Length);
    }

    private void ImportControl(OnnxNode node, ControlNode control, int outputs)
    {
        while (node.Outputs.Count < outputs)
            node.Outputs.Add("");
        _control[node] = control;
        _reached.UnionWith(node.Outputs);
        _builder.Import(node, _declared);
    }

    /// <summary>The number of steps of a loop; null where it is not known. A Loop's condition may end it earlier.</summary>
    private long? Steps(OnnxNode node)
    {
        if (node.OpType == "Loop")
            return node.Inputs[0].Length == 0
                ? Unrolling.MaximumSteps
                : _builder[node.Inputs[0]].Facts.Items is [{ IsKnown: true } count] ? (long)count.Number : null;
        var form = LoopForm.Of(node);
        return form.Elements.Select((e, k) =>
            _builder[node.Inputs[form.States + k]].Shape is { } shape ? shape[e.Axis < 0 ? e.Axis + shape.Length : e.Axis].Size : null)
            .FirstOrDefault(size => size is not null);
    }

    /// <summary>Writes a loop out step by step; false where its condition is not known after all, or nothing could be joined.</summary>
    private bool Unroll(OnnxNode node, int steps)
    {
        var form = LoopForm.Of(node);
        var graph = node.Attributes["body"].Graph;
        var isLoop = node.OpType == "Loop";
        List<string> states = [.. node.Inputs.Skip(form.FirstInput).Take(form.States)];
        var written = form.Outputs.Select(_ => new List<string>()).ToArray();
        // null: the condition is not known.
        bool? Continues(string name) =>
            name.Length == 0 ? true : _builder[name].Facts.Items is [{ IsKnown: true } known] ? known.Number != 0 : null;
        var goesOn = isLoop ? Continues(node.Inputs[1]) : true;
        for (var t = 0; t < steps && goesOn == true; t++)
        {
            var prefix = $"{node.Outputs[0]}/{t}/";
            List<string> inputs = isLoop ? [Integer(t), Condition()] : [];
            inputs.AddRange(states);
            inputs.AddRange(form.Elements.Select((e, k) => Step(prefix + $"element_{k}", "Gather",
                [node.Inputs[form.States + k], Integer(e.Backwards ? steps - 1 - t : t)], OnnxAttribute.Of("axis", e.Axis))));
            var results = Inline(node, graph, prefix, inputs, null);
            goesOn = isLoop ? Continues(results[0]) : true;
            states = results.GetRange(form.FirstResult, form.States);
            for (var k = 0; k < written.Length; k++)
            {
                var element = Step(
                    prefix + $"output_{k}", "Unsqueeze", [results[form.FirstResult + form.States + k], Vector(form.Outputs[k].Axis)]);
                written[k].Insert(form.Outputs[k].Backwards ? 0 : written[k].Count, element);
            }
        }

        // Without an upper bound the condition must have ended the loop.
        if (goesOn is null || (goesOn == true && isLoop && node.Inputs[0].Length == 0) || written.Any(w => w.Count == 0))
            return false;
        foreach (var (state, output) in states.Zip(node.Outputs).Where(p => p.Second.Length > 0))
            Step(output, "Identity", [state]);
        for (var k = 0; k < written.Length; k++)
        {
            if (node.Outputs.ElementAtOrDefault(form.States + k) is { Length: > 0 } output)
                Step(output, "Concat", written[k], OnnxAttribute.Of("axis", form.Outputs[k].Axis));
        }

        return true;

        string Integer(long number) => _builder.Constant(OnnxTensor.Scalar("", number)).Name;
        string Vector(long number) => _builder.Integers(number).Name;
        string Condition() => _builder.Constant(OnnxTensor.Create<bool>("", [], [true])).Name;
        string Step(string output, string opType, IEnumerable<string> inputs, params OnnxAttribute[] attributes)
        {
            if (node.Outputs.Any(_leading.Contains))
                _leading.Add(output);
            ImportNode(new OnnxNode(opType, inputs, [output], attributes) { Name = output });
            return output;
        }
    }
}
