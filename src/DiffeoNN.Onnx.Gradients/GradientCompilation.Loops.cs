namespace DiffeoNN.Onnx.Gradients;

/// <content>Gradients through loops: a Scan or a Loop from the last step to the first.</content>
internal sealed partial class GradientCompilation
{
    /// <summary>What the loop that goes back reads element by element: the outer value, and how it is cut.</summary>
    private sealed record Read(string Inner, string Outer, LoopForm.Sequence Sequence, ValueFacts Facts);

    /// <summary>
    /// The states of the loop that goes back are the gradients of the loop's states and the sums so far of gradients of outer values.
    /// Values of a step that its gradient needs are further outputs of the forward loop, stacked step by step.
    /// </summary>
    private void ReverseLoop(OnnxNode node, ForwardBody body, LoopForm form, List<string> wanted)
    {
        var arrived = node.Outputs.Take(form.States + form.Outputs.Length).Select(o => o.Length > 0 ? Total(o) : null).ToList();
        _builder.Prefix = PrefixOf(node);
        string Initial(int i) => node.Inputs[form.FirstInput + i];
        string Inner(int i) => body.Inputs[form.FirstInput + i];
        string Result(int i) => body.Results[form.FirstResult + i];
        for (var i = 0; i < form.States; i++)
            Unchanging(node, body.Builder[Inner(i)], body.Builder[Result(i)]);

        var inputs = Enumerable.Range(0, form.States + form.Elements.Length).Where(i => wanted.Contains(Initial(i))).Select(Inner)
            .ToHashSet(StringComparer.Ordinal);
        List<string> captured = [.. wanted.Where(body.Differentiable.Contains)];
        var back = InnerBackward(body, repeats: true);
        while (back.Active([.. body.Nodes], inputs.Concat(captured)) is var active
            && Enumerable.Range(0, form.States).FirstOrDefault(i => active.Contains(Result(i)) && !inputs.Contains(Inner(i)), -1) is >= 0
                and var next)
            inputs.Add(Inner(next));

        List<int> states = [.. Enumerable.Range(0, form.States).Where(i => inputs.Contains(Inner(i)))];
        List<int> elements = [.. Enumerable.Range(0, form.Elements.Length).Where(k => inputs.Contains(Inner(form.States + k)))];
        List<int> outputs = [.. Enumerable.Range(0, form.Outputs.Length).Where(k => arrived[form.States + k] is not null)];
        var builder = back._builder;
        Value[] before = [.. states.Select(i => arrived[i] ?? Zeros(_builder[Initial(i)])),
            .. captured.Select(name => Zeros(_builder[name]))];
        Value[] carried = [.. before.Select(v => builder.AddInput("state", Varying(v)))];
        var given = outputs.ToDictionary(k => k, k => builder.AddInput("element", Varying(builder[Result(form.States + k)])));
        back.Walk(body,
            [.. states.Select((i, position) => (Result(i), carried[position])),
                .. outputs.Select(k => (Result(form.States + k), given[k]))],
            [.. inputs, .. captured]);
        foreach (var i in states)
            builder.AddResult(back.Total(Inner(i)) ?? Zeros(builder[Inner(i)]));
        for (var c = 0; c < captured.Count; c++)
            builder.AddResult(back.Total(captured[c]) is { } gradient ? carried[states.Count + c] + gradient : carried[states.Count + c]);
        foreach (var k in elements)
            builder.AddResult(back.Total(Inner(form.States + k)) ?? Zeros(builder[Inner(form.States + k)]));

        DeadCode.Remove(builder.Graph);
        List<Read> reads =
            [.. outputs.Select(k => new Read(given[k].Name, arrived[form.States + k]!.Name, form.Outputs[k].Reversed, given[k].Facts))];
        foreach (var name in builder.Graph.Captured().Where(body.Owns).Order(StringComparer.Ordinal))
            reads.Add(Stacked(node, body, form, builder[name]));
        // Something must tell the number of steps.
        if (reads.Count == 0)
            reads.Add(Stacked(node, body, form, body.Builder[body.Inputs[form.Elements.Length > 0 ? form.States : 0]]));
        Emit(node, back, form, reads, before, states, captured, elements);
    }

    private void Emit(
        OnnxNode node, GradientCompilation back, LoopForm form, List<Read> reads, Value[] before, List<int> states, List<string> captured,
        List<int> elements)
    {
        // The elements read get names of their own: those of the forward body stay where they are.
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var read in reads.Where(r => !back._builder.Graph.Inputs.Exists(i => i.Name == r.Inner)))
            names[read.Inner] = back._builder.AddInput("element", read.Facts).Name;
        var graph = back._builder.Graph.Copy(name => names.GetValueOrDefault(name, name));
        if (graph.Outputs.Find(o => o.Shape is null) is { } unknown)
            throw new UnsupportedOperatorException(
                node, $"the rank of '{unknown.Name}' is not known; declare the shape of the loop's inputs.");
        List<string> targets = [.. states.Select(i => node.Inputs[form.FirstInput + i]), .. captured,
            .. elements.Select(k => node.Inputs[form.States + k])];
        _builder.Prefix = PrefixOf(node);
        var loop = node.OpType == "Loop"
            ? Counted(graph, [.. reads.Select(r => r with { Inner = names.GetValueOrDefault(r.Inner, r.Inner) })], before)
            : new OnnxNode("Scan", [.. before.Select(v => v.Name), .. reads.Select(r => r.Outer)], [],
                [
                    OnnxAttribute.Of("body", graph), OnnxAttribute.Of("num_scan_inputs", reads.Count),
                    .. LoopForm.Attributes("input", [.. reads.Select(r => r.Sequence)]),
                    .. LoopForm.Attributes("output", [.. elements.Select(k => form.Elements[k].Reversed)]),
                ]);
        var gradients = _builder.AddNode(loop, targets.Select(name => Varying(_builder[name])));
        foreach (var (name, gradient) in targets.Zip(gradients))
            Arrive(name, gradient);
    }

    /// <summary>A Loop that fetches the elements itself, last ones first: unlike a Scan it may have no step at all.</summary>
    private OnnxNode Counted(OnnxGraph graph, List<Read> reads, Value[] before)
    {
        string Name(string hint, OnnxElementType type) => _builder.AddOutput(hint, new ValueFacts(type, [])).Name;
        OnnxValueInfo Scalar(string name, OnnxElementType type) => new(name, type, []);
        var (step, going, goesOn, index) = (Name("step", OnnxElementType.Int64), Name("going", OnnxElementType.Bool),
            Name("goes_on", OnnxElementType.Bool), Name("index", OnnxElementType.Int64));
        var steps = _builder[reads[0].Outer].Size(0).Reshape([]);
        var last = _builder.Op("Sub", steps, _builder.Constant(OnnxTensor.Scalar("", 1L)));
        graph.Inputs.RemoveAll(i => reads.Exists(r => r.Inner == i.Name));
        graph.Inputs.InsertRange(0, [Scalar(step, OnnxElementType.Int64), Scalar(going, OnnxElementType.Bool)]);
        graph.Outputs.Insert(0, Scalar(goesOn, OnnxElementType.Bool));
        graph.Nodes.InsertRange(0,
        [
            new OnnxNode("Sub", [last.Name, step], [index]) { Name = index },
            .. reads.Select(r => new OnnxNode("Gather", [r.Outer, index], [r.Inner]) { Name = r.Inner }),
        ]);
        graph.AddNode("Identity", [going], goesOn);
        return new OnnxNode("Loop", [steps.Name, "", .. before.Select(v => v.Name)], [], OnnxAttribute.Of("body", graph));
    }

    /// <summary>Where the values that a body's value took step by step are found, as a further output of the loop if need be.</summary>
    private Read Stacked(OnnxNode node, ForwardBody body, LoopForm form, Value value)
    {
        var facts = Varying(value);
        for (var k = 0; k < form.Elements.Length; k++)
        {
            if (body.Inputs[form.States + k] == value.Name)
                return new Read(value.Name, node.Inputs[form.States + k], form.Elements[k].Reversed, facts);
        }

        for (var k = 0; k < form.Outputs.Length; k++)
        {
            if (body.Results[form.FirstResult + form.States + k] == value.Name && node.Outputs[form.States + k].Length > 0)
                return new Read(value.Name, node.Outputs[form.States + k], form.Outputs[k].Reversed, facts);
        }

        body.Builder.AddResult(value);
        var steps = node.Outputs.Count;
        var shown = _builder.AddOutput("values", new ValueFacts(
            value.ElementType, value.Shape is null ? null : [Dim.Symbol($"{node.Outputs[0]}.{steps}.steps"), .. value.Shape]));
        node.Outputs.Add(shown.Name);
        foreach (var attribute in new[] { "scan_output_axes", "scan_output_directions" })
        {
            if (node.GetInts(attribute) is { } list)
                node.With(OnnxAttribute.Of(attribute, [.. list, 0L]));
        }

        return new Read(value.Name, shown.Name, new LoopForm.Sequence(0, Backwards: true), facts);
    }

    private static ValueFacts Varying(Value value) => new(value.ElementType, value.Shape);

    /// <summary>Refuses a loop whose states grow or shrink: what its steps computed cannot be stacked.</summary>
    private static void Unchanging(OnnxNode node, Value before, Value after)
    {
        if (before.Shape is { } a && after.Shape is { } b && (a.Length != b.Length || a.Zip(b).Any(d => d.First.SurelyDiffers(d.Second))))
            throw new UnsupportedOperatorException(node, $"a state ('{after.Name}') changes its shape from step to step, and the number of "
                + $"steps is not known or above {Unrolling.MaximumSteps}.");
    }
}
