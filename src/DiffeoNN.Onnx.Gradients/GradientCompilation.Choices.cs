namespace DiffeoNN.Onnx.Gradients;

/// <content>Which inputs and outputs, the forward graph, and the gradients to start from.</content>
internal sealed partial class GradientCompilation
{
    private List<string> CandidateInputs()
    {
        var graph = _model.Graph;
        foreach (var name in _options.Inputs ?? [])
        {
            var type = graph.Initializers.TryGetValue(name, out var tensor) ? tensor.ElementType : graph.Input(name).ElementType;
            if (!type.IsFloat())
                throw new OnnxModelException($"'{name}' holds {type}; gradients exist only with respect to floating point values.");
        }

        var inputs = (_options.Inputs ?? [.. graph.RequiredInputs.Where(i => i.ElementType.IsFloat()).Select(i => i.Name)]).ToList();
        if (_options.Weights)
            inputs.AddRange(Weights().Where(w => !inputs.Contains(w)));
        return inputs;
    }

    /// <summary>Float initialisers that training would change: not scalars, and not the statistics of batch normalisation.</summary>
    private IEnumerable<string> Weights()
    {
        var statistics = _model.Graph.Nodes
            .SelectMany(n => (_builder.Operators.Find(n.Domain, n.OpType)?.Statistics ?? []).Select(n.Input))
            .ToHashSet(StringComparer.Ordinal);
        return _model.Graph.Initializers.Values
            .Where(t => t.ElementType.IsFloat() && t.Dimensions.Count > 0 && !statistics.Contains(t.Name)).Select(t => t.Name);
    }

    private void ImportForward(List<string> inputs)
    {
        var graph = _model.Graph;
        var chosen = inputs.ToHashSet(StringComparer.Ordinal);
        foreach (var input in graph.Inputs)
        {
            _builder.Graph.Inputs.Add(input);
            _builder.Add(input.Name, ValueFacts.Of(input));
        }

        foreach (var (name, tensor) in graph.Initializers)
        {
            _builder.Graph.AddInitializer(tensor);
            if (_builder.Contains(name))
                continue;
            // What is differentiated must be free to change, so nothing may be folded from it; a default value keeps its shape.
            var facts = ValueFacts.Of(tensor);
            _builder.Add(name, chosen.Contains(name) ? new ValueFacts(facts.ElementType, facts.Shape) : facts);
            if (chosen.Contains(name))
                _builder.Graph.Inputs.Add(new OnnxValueInfo(name, tensor.ElementType, [.. tensor.Dimensions.Select(OnnxDimension.Of)]));
        }

        _reached.UnionWith(inputs);
        _leading.UnionWith(Leading(graph, _options.Outputs ?? [.. graph.Outputs.Select(o => o.Name)]));
        _declared = ShapeInference.Declared(graph);
        Reserve(graph);
        foreach (var node in graph.Nodes)
            ImportNode(node);
        _builder.Graph.Name = graph.Name;
        _builder.Graph.Outputs.AddRange(graph.Outputs.Select(output => WithFreeSizes(output, graph)));
    }

    /// <summary>
    /// An output's declaration without the batch size of the exporter's example: where a free size of an input arrives, a number
    /// is none to hold on to, and the runtime would believe it.
    /// </summary>
    private OnnxValueInfo WithFreeSizes(OnnxValueInfo output, OnnxGraph graph)
    {
        if (output.Shape is null || !_builder.Contains(output.Name) || _builder[output.Name].Shape is not { } found
            || found.Length != output.Shape.Count)
            return output;
        var free = graph.RequiredInputs.Where(i => i.Shape is not null).SelectMany(i => i.Shape!).Select(d => d.Symbol).OfType<string>()
            .ToHashSet(StringComparer.Ordinal);
        return output with
        {
            Shape = [.. output.Shape.Zip(found, (said, size) =>
                said.Size is not null && !size.IsConstant && size.Symbols.All(free.Contains) ? OnnxDimension.Of($"{size}") : said)],
        };
    }

    /// <summary>What is differentiated by its body becomes that, control flow is resolved;
    /// everything else is taken over as it is.</summary>
    private void ImportNode(OnnxNode node)
    {
        if (ImportControl(node))
            return;
        if (GradientPasses.All.Select(pass => pass.Replaced(node)).FirstOrDefault(nodes => nodes is not null) is { } replaced)
        {
            foreach (var part in replaced)
                ImportNode(part);
            return;
        }

        var rule = RuleOf(node);
        var reached = DifferentiableInputs(node, rule).Any(_reached.Contains);
        if (reached)
            _reached.UnionWith(node.Outputs);
        if (reached && rule?.Expansion is { } body && node.Outputs.Any(_leading.Contains))
            Expand(node, body);
        else
            _builder.Import(node, _declared);
    }

    /// <summary>Values that the given ones are computed from, and they themselves.</summary>
    private static HashSet<string> Leading(OnnxGraph graph, IEnumerable<string> outputs)
    {
        var leading = outputs.ToHashSet(StringComparer.Ordinal);
        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            if (graph.Nodes[i].Outputs.Any(leading.Contains))
                leading.UnionWith(OnnxGraph.Reads(graph.Nodes[i]));
        }

        return leading;
    }

    private void Expand(OnnxNode node, ExpansionFunction body)
    {
        _builder.Prefix = $"{(node.Name.Length > 0 ? node.Name : node.Outputs[0])}/";
        try
        {
            var values = body(new RuleContext(node, _builder, [], []));
            var wanted = ShapeInference.Infer(node, name => _builder[name].Facts, operators: _builder.Operators)
                .ToDictionary(output => output.Name, output => output.Facts);
            foreach (var (output, i) in node.Outputs.Select((o, i) => (o, i)).Where(o => o.o.Length > 0))
            {
                var value = (i < values.Count ? values[i] : null)
                    ?? throw new UnsupportedOperatorException(node, $"its rule does not cover output {i} ('{output}').");
                if (Difference(value.Facts, wanted[output]) is { } different)
                    throw new UnsupportedOperatorException(node, $"the body of its rule gives output {i} ('{output}') with {different}.");
                _builder.Import(new OnnxNode("Identity", [value.Name], [output]) { Name = output }, _declared);
            }
        }
        catch (UnsupportedOperatorException e)
        {
            _refused.Add(e);
            _builder.Import(node, _declared);
        }
    }

    private List<string> ChooseOutputs(HashSet<string> active)
    {
        if (_options.Outputs is not null)
        {
            foreach (var name in _options.Outputs.Where(o => !active.Contains(o)))
                throw new OnnxModelException($"Output '{name}' depends on no chosen input differentiably; choose other inputs or outputs.");
            return [.. _options.Outputs];
        }

        var outputs = _model.Graph.Outputs.Select(o => o.Name).Where(active.Contains).ToList();
        return outputs.Count > 0 ? outputs : throw new OnnxModelException(
            $"No output depends differentiably on a float input. Inputs: {string.Join(", ", _model.Graph.Inputs)}. Outputs: "
            + $"{string.Join(", ", _model.Graph.Outputs)}.");
    }

    private List<string> ChooseInputs(List<string> candidates, HashSet<string> needed)
    {
        foreach (var name in (_options.Inputs ?? []).Where(i => !needed.Contains(i) && !_options.LeavesOutUnreached))
            throw new OnnxModelException(
                $"Input '{name}' does not influence the chosen outputs differentiably, so its gradient would be zero everywhere.");
        return [.. candidates.Where(needed.Contains)];
    }

    /// <summary>Starts the gradients at the outputs; returns the extra inputs.</summary>
    private List<OnnxValueInfo> Seed(IEnumerable<string> outputs, IReadOnlyList<string> inputs)
    {
        var seeds = new List<OnnxValueInfo>();
        foreach (var name in outputs)
        {
            var output = _builder[name];
            if (_options.Seed == GradientSeed.Input)
            {
                // Exporters sometimes declare the batch size of their example; what follows from the inputs is surer.
                var info = new OnnxValueInfo(Free(inputs.Contains(name) ? name + OfOutput : name), output.ElementType,
                    Declared(output.Shape) ?? _model.Graph.Output(name).Shape);
                seeds.Add(info);
                _arrived[name] = [_builder.Add(info.Name, output.Facts with { Constant = null, Items = null })];
            }
            else
            {
                _arrived[name] = [output.Like(1).ExpandLike(output)];
            }
        }

        return seeds;
    }

    private static OnnxDimension[]? Declared(Dim[]? shape) =>
        shape is null ? null : [.. shape.Select(d => d.Size is { } size ? OnnxDimension.Of(size) : OnnxDimension.Of(d.ToString()))];

    /// <summary>The name of a gradient, refused where the model has it already.</summary>
    private string Free(string name) => _builder.Contains(name + _options.Suffix)
        ? throw new OnnxModelException($"The model has a value '{name}{_options.Suffix}' already; choose another suffix for gradients.")
        : name + _options.Suffix;
}
