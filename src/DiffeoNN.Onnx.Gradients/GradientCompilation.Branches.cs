namespace DiffeoNN.Onnx.Gradients;

/// <content>Gradients through choices: a choice between the gradients of the branches.</content>
internal sealed partial class GradientCompilation
{
    private void ReverseControl(OnnxNode node, ControlNode control, HashSet<string> needed)
    {
        var wanted = control.Differentiable.Where(needed.Contains).ToList();
        if (wanted.Count == 0 || !node.Outputs.Any(_arrived.ContainsKey))
            return;
        try
        {
            if (control.Form is { } form)
                ReverseLoop(node, control.Bodies[0], form, wanted);
            else
                ReverseBranches(node, control.Bodies, wanted);
        }
        catch (UnsupportedOperatorException e)
        {
            _refused.Add(e);
        }
    }

    /// <summary>
    /// An If on the same condition, whose branches hold the gradients of the forward branches. Values that these need are further
    /// outputs of the forward node, so that nothing is computed twice; the other branch gives an empty tensor for them.
    /// </summary>
    private void ReverseBranches(OnnxNode node, ForwardBody[] branches, List<string> wanted)
    {
        var arrived = node.Outputs.Take(branches[0].Results.Count).Select(o => o.Length > 0 ? Total(o) : null).ToList();
        _builder.Prefix = PrefixOf(node);
        var graphs = new OnnxGraph[2];
        for (var k = 0; k < 2; k++)
        {
            var (branch, other) = (branches[k], branches[1 - k]);
            var back = InnerBackward(branch, repeats: false);
            back.Walk(branch, branch.Results.Zip(arrived).Where(p => p.Second is not null).Select(p => (p.First, p.Second!)), wanted);
            foreach (var name in wanted)
                back._builder.AddResult(back.Total(name) ?? Zeros(back._builder[name]));
            var graph = back._builder.Graph;
            DeadCode.Remove(graph);
            var names = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var name in graph.Captured().Where(branch.Owns).Order(StringComparer.Ordinal))
                names[name] = Shown(node, branch, other, back._builder[name]);
            graphs[k] = graph.Copy(name => names.GetValueOrDefault(name, name));
        }

        _builder.Prefix = PrefixOf(node);
        var gradients = _builder.AddNode(
            new OnnxNode(
                "If", [node.Inputs[0]], [], OnnxAttribute.Of("then_branch", graphs[0]), OnnxAttribute.Of("else_branch", graphs[1])),
            wanted.Select(name => new ValueFacts(_builder[name].ElementType, _builder[name].Shape)));
        foreach (var (name, gradient) in wanted.Zip(gradients))
            Arrive(name, gradient);
    }

    /// <summary>The output of the forward node that gives a value of one of its branches.</summary>
    private string Shown(OnnxNode node, ForwardBody branch, ForwardBody other, Value value)
    {
        if (branch.Results.ToList().IndexOf(value.Name) is >= 0 and var i && node.Outputs[i].Length > 0)
            return node.Outputs[i];
        branch.Builder.AddResult(value);
        var type = value.ElementType;
        other.Builder.AddResult(
            other.Builder.Constant(OnnxTensor.FromDoubles("", type, [.. Enumerable.Repeat(0L, value.Shape?.Length ?? 1)],
                value.Shape is { Length: 0 } ? [0.0] : [])));
        var shown = _builder.AddOutput("value", new ValueFacts(type, value.Shape));
        node.Outputs.Add(shown.Name);
        return shown.Name;
    }

    /// <summary>The compilation of the gradient of a body, which sees what the body computed.</summary>
    private GradientCompilation InnerBackward(ForwardBody body, bool repeats)
    {
        var back = new GradientCompilation(this, _builder.Body(repeats));
        back._builder.Borrow(body.Builder);
        return back;
    }

    /// <summary>Walks back through a body.</summary>
    /// <param name="body">The body.</param>
    /// <param name="gradients">Gradients of its results, by the results' names.</param>
    /// <param name="wanted">Values whose gradients are asked for.</param>
    private void Walk(ForwardBody body, IEnumerable<(string Result, Value Gradient)> gradients, IEnumerable<string> wanted)
    {
        foreach (var (result, gradient) in gradients)
            Arrive(result, _builder[gradient.Name]);
        List<OnnxNode> forward = [.. body.Nodes];
        var active = Active(forward, wanted);
        var needed = Needed(forward, active, [.. _arrived.Keys.Where(active.Contains)]);
        for (var i = forward.Count - 1; i >= 0; i--)
            Reverse(forward[i], needed);
    }

    private static Value Zeros(Value like) => like.Like(0).ExpandLike(like);
}
