namespace DiffeoNN.Onnx.Gradients;

/// <summary>One run of the compiler: takes the forward graph over, finds what matters, and walks back through it.</summary>
internal sealed partial class GradientCompilation
{
    /// <summary>Behind the name of an output that is a differentiated input as well, before the suffix:
    /// two gradients need two names.</summary>
    public const string OfOutput = "_output";

    private readonly OnnxModel _model;
    private readonly GradientOptions _options;
    private readonly GraphBuilder _builder;
    private readonly Dictionary<string, List<Value>> _arrived = new(StringComparer.Ordinal);
    private readonly HashSet<string> _reached = new(StringComparer.Ordinal);
    private readonly List<UnsupportedOperatorException> _refused;
    private readonly Dictionary<OnnxNode, ControlNode> _control;
    private readonly HashSet<string> _leading = new(StringComparer.Ordinal);
    private Dictionary<string, OnnxValueInfo> _declared = new(StringComparer.Ordinal);

    /// <param name="model">The model at the operator set to emit, functions inlined; taken over.</param>
    /// <param name="options">What to differentiate.</param>
    public GradientCompilation(OnnxModel model, GradientOptions options)
    {
        _model = model;
        _options = options;
        _builder = new GraphBuilder(model.Opset, options.Operators) { Imports = model.OpsetImports, Target = options.Target };
        (_refused, _control) = ([], []);
    }

    public OnnxModel Run()
    {
        var inputs = CandidateInputs();
        foreach (var name in _options.Outputs ?? [])
            _ = _model.Graph.Output(name);
        foreach (var name in inputs.Concat(_model.Graph.Outputs.Select(o => o.Name)))
            _builder.Reserve(name + _options.Suffix);
        foreach (var name in inputs.Intersect(_model.Graph.Outputs.Select(o => o.Name)))
            _builder.Reserve(name + OfOutput + _options.Suffix);
        ImportForward(inputs);
        var forward = _builder.Graph.Nodes.ToList();
        var active = Active(forward, inputs);
        var outputs = ChooseOutputs(active);
        var needed = Needed(forward, active, outputs);
        inputs = ChooseInputs(inputs, needed);
        var seeds = Seed(outputs, inputs);
        for (var i = forward.Count - 1; i >= 0; i--)
            Reverse(forward[i], needed);
        if (_refused.Count > 0)
            throw UnsupportedOperatorException.Of(_refused);
        return Finish(
            inputs.Select(name => (name, Total(name) ?? throw new InvalidOperationException($"No gradient reached '{name}'."))), seeds);
    }

    private GradientRule? RuleOf(OnnxNode node) =>
        _builder.Operators.FindRule(node.Domain, node.OpType, _builder.VersionOf(node.Domain));

    private IEnumerable<string> DifferentiableInputs(OnnxNode node, GradientRule? rule) => _control.TryGetValue(node, out var control)
        ? control.Differentiable
        : rule is null
        ? OnnxGraph.Reads(node)
        : rule.IsStop ? [] : node.Inputs.Where((name, i) => name.Length > 0 && !rule.NonDifferentiableInputs.Contains(i));

    private bool CarriesDerivative(string name) =>
        _builder[name].ElementType is var type && (type.IsFloat() || type == OnnxElementType.Undefined);

    /// <summary>Values that depend on a chosen input differentiably.</summary>
    private HashSet<string> Active(List<OnnxNode> forward, IEnumerable<string> inputs)
    {
        var active = new HashSet<string>(inputs, StringComparer.Ordinal);
        foreach (var node in forward.Where(n => DifferentiableInputs(n, RuleOf(n)).Any(active.Contains)))
            active.UnionWith(node.Outputs.Where(o => o.Length > 0 && CarriesDerivative(o)));
        return active;
    }

    /// <summary>Active values that a chosen output depends on: those whose gradients are formed.</summary>
    private HashSet<string> Needed(List<OnnxNode> forward, HashSet<string> active, IReadOnlyList<string> outputs)
    {
        var needed = new HashSet<string>(outputs, StringComparer.Ordinal);
        var unsupported = new List<OnnxNode>();
        for (var i = forward.Count - 1; i >= 0; i--)
        {
            var (node, rule) = (forward[i], RuleOf(forward[i]));
            if (!node.Outputs.Any(needed.Contains))
                continue;
            var through = DifferentiableInputs(node, rule).Where(active.Contains).ToList();
            if (through.Count > 0 && rule is null && !_control.ContainsKey(node))
                unsupported.Add(node);
            needed.UnionWith(through);
        }

        unsupported.Reverse();
        if (unsupported.Count > 0)
            _refused.Insert(0, new UnsupportedOperatorException(unsupported, _builder.Operators, _builder.VersionOf));
        return needed;
    }

    private void Reverse(OnnxNode node, HashSet<string> needed)
    {
        if (_control.TryGetValue(node, out var control))
        {
            ReverseControl(node, control, needed);
            return;
        }

        if (RuleOf(node) is not { IsStop: false, Expansion: null } rule)
            return;
        var wanted = Enumerable.Range(0, node.Inputs.Count)
            .Where(i => node.Inputs[i].Length > 0 && !rule.NonDifferentiableInputs.Contains(i) && needed.Contains(node.Inputs[i])).ToList();
        if (wanted.Count == 0 || !node.Outputs.Any(_arrived.ContainsKey))
            return;
        _builder.Prefix = PrefixOf(node);
        var context = new RuleContext(node, _builder, [.. node.Outputs.Select(Total)], wanted);
        try
        {
            var gradients = rule.Function(context);
            foreach (var i in wanted.Where(i => i >= gradients.Count || gradients[i] != GradientRule.Absorbed))
                Arrive(node.Inputs[i], Gradient(context, rule, gradients, i));
        }
        catch (UnsupportedOperatorException e)
        {
            // The others are looked for too, so that all are named at once.
            _refused.Add(e);
        }
        catch (OnnxModelException) when (_refused.Count > 0)
        {
            // Behind a refused operator types and shapes are unknown that a rule may take for granted: the refusal is what to name.
        }
        catch (OverflowException e)
        {
            if (_refused.Count == 0)
                throw new OnnxModelException($"The gradient of {node} needs sizes that no memory can hold.", e);
        }
        catch (Exception e) when (GradientDefectException.IsDefect(e))
        {
            if (_refused.Count == 0)
                throw new GradientDefectException($"the gradient of {node}", e);
        }
    }

    private Value Gradient(RuleContext context, GradientRule rule, IReadOnlyList<Func<Value>?> gradients, int input)
    {
        var node = context.Node;
        var form = (input < gradients.Count ? gradients[input] : null)
            ?? throw new UnsupportedOperatorException(node, $"its rule does not cover input {input} ('{node.Inputs[input]}').");
        var (gradient, value) = (form(), _builder[node.Inputs[input]]);
        if (rule.Broadcasts)
            gradient = BroadcastReversal.ReduceTo(
                gradient.Shape is not null && context.Y.Shape is null ? gradient : Shaped(gradient, context.Y), value);
        return Difference(gradient.Facts, value.Facts) is not { } different
            ? gradient
            : throw new UnsupportedOperatorException(
                node, $"its rule gives input {input} ('{value.Name}') a gradient of {different}; a gradient has those of its input.");
    }

    /// <summary>What a rule made and what it has to be, where both are surely known and differ; null otherwise.</summary>
    private static string? Difference(ValueFacts made, ValueFacts wanted)
    {
        if (made.ElementType != wanted.ElementType && made.ElementType != OnnxElementType.Undefined
            && wanted.ElementType != OnnxElementType.Undefined)
            return $"element type {made.ElementType}, where {wanted.ElementType} was expected";
        return made.Shape is { } shape && wanted.Shape is { } other
            && (shape.Length != other.Length || (made.Sizes is { } sizes && wanted.Sizes is { } sought && !sizes.SequenceEqual(sought)))
            ? $"shape [{string.Join(",", shape.AsEnumerable())}], where [{string.Join(",", other.AsEnumerable())}] was expected"
            : null;
    }

    private string PrefixOf(OnnxNode node) => $"{(node.Name.Length > 0 ? node.Name : node.Outputs[0])}{_options.Suffix}/";

    private void Arrive(string name, Value gradient)
    {
        if (!_arrived.TryGetValue(name, out var list))
            _arrived[name] = list = [];
        list.Add(gradient);
    }

    /// <summary>A gradient that a constant or the other operand made smaller than the output is repeated to its shape.</summary>
    private static Value Shaped(Value gradient, Value output) =>
        gradient.Shape is { } shape && output.Shape is { } wanted && shape.Length < wanted.Length ? gradient.ExpandLike(output) : gradient;

    /// <summary>The sum of the gradients that arrived at a value; null where none did.</summary>
    private Value? Total(string name)
    {
        if (!_arrived.TryGetValue(name, out var list))
            return null;
        if (list.Count > 1)
        {
            _builder.Prefix = $"{name}{_options.Suffix}/";
            list = GradientPasses.All.Aggregate(list, (terms, pass) => terms.Count > 1 ? pass.Summed(terms) : terms);
            _arrived[name] = list = [list.Count switch { 1 => list[0], 2 => list[0] + list[1], _ => _builder.Op("Sum", [.. list]) }];
        }

        return list[0];
    }
}
