using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>What the operators next to a network's input and outputs tell.</summary>
internal sealed class GraphTrace
{
    private readonly OnnxGraph _graph;
    private readonly Dictionary<string, OnnxNode> _makers = new(StringComparer.Ordinal);
    private readonly ILookup<string, OnnxNode> _readers;

    public GraphTrace(OnnxModel model)
    {
        _graph = model.Graph;
        foreach (var node in _graph.Nodes)
            foreach (var output in node.Outputs.Where(output => output.Length > 0)) _makers[output] = node;
        _readers = _graph.Nodes.SelectMany(node => node.Inputs.Distinct().Select(input => (input, node)))
            .ToLookup(pair => pair.input, pair => pair.node, StringComparer.Ordinal);
    }

    /// <summary>What happens to the input first.</summary>
    public InputTrace FromInput(string input)
    {
        var trace = new InputTrace();
        var value = input;
        while (_readers[value].ToList() is [var node])
        {
            switch (node.OpType)
            {
                case "Identity" or "Cast" or "Dropout" or "Pad":
                    break;
                case "Transpose" when node.GetInts("perm") is [0, 3, 1, 2]:
                    trace.TurnsChannelsFirst = true;
                    break;
                case "Add" or "Sub" or "Mul" or "Div" when Operand(node, value) is { } constant && trace.Weights is null:
                    if (!trace.Then(node.OpType, constant, node.Input(0) == value)) return trace;
                    break;
                case "BatchNormalization" when node.Input(0) == value && Values(node.Input(3)) is { } mean && Values(node.Input(
                    4)) is { } var:
                    trace.Statistics = (mean, [.. var.Select(Math.Sqrt)]);
                    break;
                case "Conv" when node.Input(0) == value && Tensor(node.Input(1)) is { Dimensions.Count: 4 } weights:
                    trace.Weights = weights.Dimensions;
                    trace.Channels = (int)(weights.Dimensions[1] * node.GetInt("group", 1));
                    return trace;
                default:
                    return trace;
            }

            value = node.Outputs[0];
        }

        // Branches that all begin with a convolution agree on the channels.
        if (_readers[value].FirstOrDefault(node => node.OpType == "Conv" && node.Input(0) == value) is { } first
            && Tensor(first.Input(1)) is { Dimensions.Count: 4 } kernel)
        {
            trace.Weights = kernel.Dimensions;
            trace.Channels = (int)(kernel.Dimensions[1] * first.GetInt("group", 1));
        }

        return trace;
    }

    /// <summary>The operator that makes an output, but for those that only arrange, resize or cast; empty where there is none.</summary>
    public string LastOperator(string output)
    {
        var value = output;
        while (_makers.TryGetValue(value, out var node))
        {
            if (node.OpType is not ("Identity" or "Cast" or "Reshape" or "Transpose" or "Squeeze" or "Unsqueeze" or "Flatten" or "Dropout"
                or "Resize" or "Upsample"))
                return node.OpType is "Add" or "Sub" or "Mul" or "Div" && IsScaledTanh(node) ? "Tanh" : node.OpType;
            value = node.Input(0);
        }

        return "";
    }

    /// <summary>Whether constants bring the values of a Tanh into other units.</summary>
    private bool IsScaledTanh(OnnxNode last)
    {
        var node = last;
        while (node.OpType is "Add" or "Sub" or "Mul" or "Div")
        {
            var constant = Tensor(node.Input(1)) is not null ? 1 : Tensor(node.Input(0)) is not null ? 0 : -1;
            if (constant < 0 || !_makers.TryGetValue(node.Input(1 - constant), out var before)) return false;
            node = before;
        }

        return node.OpType == "Tanh";
    }

    /// <summary>The value whose largest element an output of class numbers names; null where that is not how it is made.</summary>
    public string? ArgumentOfMaximum(string output)
    {
        var value = output;
        while (_makers.TryGetValue(value, out var node))
        {
            if (node.OpType is "ArgMax") return node.Input(0);
            if (node.OpType == "TopK") return node.Input(0);
            if (node.OpType is not ("Identity" or "Cast" or "Reshape" or "Transpose" or "Squeeze" or "Unsqueeze" or "Flatten")) return null;
            value = node.Input(0);
        }

        return null;
    }

    /// <summary>The axis of that maximum.</summary>
    public int AxisOfMaximum(string output)
    {
        var value = output;
        while (_makers.TryGetValue(value, out var node) && node.OpType is not ("ArgMax" or "TopK")) value = node.Input(0);
        return (int)(_makers.TryGetValue(value, out var found) ? found.GetInt("axis", found.OpType == "TopK" ? -1 : 0) : 0);
    }

    /// <summary>The first normalisations by running statistics behind the input, at most two: the value, its means and variances.</summary>
    public IReadOnlyList<(string Value, double[] Mean, double[] Variance)> Statistics() =>
    [
        .. _graph.Nodes.Where(node => node.OpType == "BatchNormalization" && _makers.ContainsKey(node.Input(0)))
            .Select(node => (Value: node.Input(0), Mean: Values(node.Input(3)), Variance: Values(node.Input(4))))
            .Where(found => found.Mean is not null && found.Variance is not null && Array.TrueForAll(found.Variance, value => value > 0)
                && (Array.Exists(found.Mean, value => value != 0) || Array.Exists(found.Variance, value => value != 1)))
            .Take(2).Select(found => (found.Value, found.Mean!, found.Variance!)),
    ];

    private double[]? Operand(OnnxNode node, string value) =>
        Values(node.Input(0) == value ? node.Input(1) : node.Input(0));

    private OnnxTensor? Tensor(string name)
    {
        if (_graph.Initializers.TryGetValue(name, out var tensor)) return tensor;
        return _makers.TryGetValue(name, out var node) && node.OpType switch
        {
            "Constant" => node.Attributes.TryGetValue("value", out var constant),
            _ => false,
        } ? node.Attributes["value"].Tensor
            : _makers.TryGetValue(name, out var same) && same.OpType == "Identity" ? Tensor(same.Input(0)) : null;
    }

    private double[]? Values(string name)
    {
        var tensor = Tensor(name);
        if (tensor is not null) return tensor.ElementType.IsFloat() ? tensor.ToDoubleArray() : null;
        if (!_makers.TryGetValue(name, out var node) || node.OpType != "Constant") return null;
        return node.Attributes.TryGetValue("value_float", out var number) ? [number.Float]
            : node.Attributes.TryGetValue("value_floats", out var numbers) ? [.. numbers.Floats.Select(value => (double)value)] : null;
    }
}
