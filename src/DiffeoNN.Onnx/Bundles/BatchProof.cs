using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Whether each image of a batch is treated by itself, operator by operator: values that hold one row an image have the images in
/// dimension 0, and every operator that reads them must keep it so. An operator that is not known to do so ends the proof.</summary>
internal sealed class BatchProof
{
    private static readonly HashSet<string> Elementwise = new(StringComparer.Ordinal)
    {
        "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cast", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Dropout", "Elu", "Erf",
        "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not",
        "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh",
        "ThresholdedRelu", "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod",
        "Mul", "Or", "Pow", "PRelu", "Sub", "Sum", "Where", "Xor",
    };

    /// <summary>Those whose first input has the images, and whose other inputs are weights.</summary>
    private static readonly HashSet<string> Spatial = new(StringComparer.Ordinal)
    {
        "AveragePool", "Conv", "ConvTranspose", "DepthToSpace", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "GroupNormalization",
        "InstanceNormalization", "LpPool", "LRN", "MaxPool", "SpaceToDepth",
    };

    private readonly OnnxModel _model;
    private readonly long _batch;
    private readonly IReadOnlyDictionary<string, ValueFacts> _facts;
    private readonly HashSet<string> _rows;

    /// <summary>Shapes of values that have the images in front, as the graph takes them while it runs.</summary>
    private readonly HashSet<string> _shapes = new(StringComparer.Ordinal);

    /// <param name="model">Without functions, with its batch fixed.</param>
    /// <param name="input">The input that has the images.</param>
    /// <param name="batch">How many.</param>
    public BatchProof(OnnxModel model, string input, long batch)
    {
        (_model, _batch) = (model, batch);
        _facts = ShapeInference.Infer(model);
        _rows = new HashSet<string>(StringComparer.Ordinal) { input };
    }

    /// <summary>Shapes that hold the size of the batch, and what takes their place where it is free: node, which of its inputs,
    /// shape.</summary>
    public List<(OnnxNode Node, int Index, long[] Shape)> Shapes { get; } = [];

    /// <summary>Whether it is proven for all outputs.</summary>
    public bool Holds() => Reason() is null;

    /// <summary>What ends the proof, as a clause; null where it is proven for all outputs.</summary>
    public string? Reason()
    {
        foreach (var node in _model.Graph.Nodes)
        {
            if (node.Attributes.Values.Any(attribute => attribute.Graphs.Any())) return $"{node} holds graphs of its own";
            if (!node.Inputs.Exists(input => _rows.Contains(input) || _shapes.Contains(input))) continue;
            if (node is { OpType: "Shape", Domain: "" } && !node.Attributes.ContainsKey("start") && !node.Attributes.ContainsKey("end"))
            {
                _shapes.Add(node.Outputs[0]);
                continue;
            }

            if (node.Domain.Length > 0) return $"{node} is of the domain {node.Domain}, of which nothing is known";
            if (!Keeps(node)) return $"{node} may let images see each other";
            _rows.UnionWith(node.Outputs.Where(output => output.Length > 0));
        }

        return _model.Graph.Outputs.Find(output => !_rows.Contains(output.Name)) is { } other
            ? $"output '{other.Name}' does not come from the images" : null;
    }

    private bool Keeps(OnnxNode node)
    {
        if (node.Inputs.Exists(_shapes.Contains))
        {
            // Such a shape has the number of images in front, as what is shaped by it has.
            return node.OpType switch
            {
                "ConstantOfShape" => true,
                "Reshape" => OnlyFirst(node) && _shapes.Contains(node.Input(1)) && node.GetInt("allowzero", 0) == 0,
                _ => false,
            };
        }

        if (Elementwise.Contains(node.OpType)) return IsBroadcastByRows(node);
        // A pooling's second output counts through the whole batch.
        if (Spatial.Contains(node.OpType)) return OnlyFirst(node) && !node.Outputs.Skip(1).Any(output => output.Length > 0);
        return node.OpType switch
        {
            "BatchNormalization" => OnlyFirst(node) && node.GetInt("training_mode", 0) == 0,
            "LayerNormalization" or "Softmax" or "LogSoftmax" or "Hardmax" => OnlyFirst(node) && IsInner(node, node.GetInt("axis", -1)),
            "ArgMax" or "ArgMin" or "Split" => OnlyFirst(node) && IsInner(node, node.GetInt("axis", 0)),
            "Concat" => node.Inputs.TrueForAll(_rows.Contains) && IsInner(node, node.GetInt("axis", 0)),
            "Gather" => OnlyFirst(node) && IsInner(node, node.GetInt("axis", 0)),
            "Flatten" => node.GetInt("axis", 1) == 1,
            "Transpose" => node.GetInts("perm") is [0, ..],
            "Squeeze" => Numbers(node, 1) is { } axes && Array.TrueForAll(axes, axis => IsInner(node, axis)),
            "Unsqueeze" => Numbers(node, 1) is { } axes && Rank(node.Outputs[0]) is { } rank
                && Array.TrueForAll(axes, axis => axis % rank != 0),
            "Slice" => OnlyFirst(node) && Numbers(node, 3) is { } axes && Array.TrueForAll(axes, axis => IsInner(node, axis)),
            "Pad" => OnlyFirst(node) && IsPaddedInside(node),
            "Reshape" => IsReshapedByRows(node),
            "Expand" => IsExpandedByRows(node),
            "Resize" => OnlyFirst(node) && IsResizedByRows(node),
            "MatMul" => IsProductOfRows(node),
            "Gemm" => OnlyFirst(node) && node.GetInt("transA", 0) == 0 && (node.Input(2).Length == 0 || IsAlike(node.Input(2), 2)),
            _ => node.OpType.StartsWith("Reduce", StringComparison.Ordinal) && OnlyFirst(node) && Axes(node) is { Length: > 0 } axes
                && Array.TrueForAll(axes, axis => IsInner(node, axis)),
        };
    }

    private bool OnlyFirst(OnnxNode node) => _rows.Contains(node.Input(0)) && !node.Inputs.Skip(1).Any(_rows.Contains);

    private int? Rank(string value) => Sizes(value)?.Length;

    private long[]? Sizes(string value) => _facts.TryGetValue(value, out var facts) ? facts.Sizes : null;

    /// <summary>Whether an axis of the first input is another one than the images'.</summary>
    private bool IsInner(OnnxNode node, long axis) => Rank(node.Input(0)) is > 0 and var rank && axis % rank != 0;

    /// <summary>Whether a value that has no images is the same for all of them, next to one of a rank with images in front.</summary>
    private bool IsAlike(string value, int rank) => Sizes(value) is { } sizes && (sizes.Length < rank || sizes[0] == 1);

    private bool IsBroadcastByRows(OnnxNode node) => Rank(node.Outputs[0]) is { } rank && node.Inputs.TrueForAll(input =>
        input.Length == 0 || (_rows.Contains(input) ? Rank(input) == rank : IsAlike(input, rank)));

    private bool IsPaddedInside(OnnxNode node)
    {
        if (Numbers(node, 1) is not { } pads) return false;
        if (node.Input(3).Length > 0)
            return Numbers(node, 3) is { } axes && Array.TrueForAll(axes, axis => IsInner(node, axis));
        return pads.Length > 0 && pads[0] == 0 && pads[pads.Length / 2] == 0;
    }

    private bool IsReshapedByRows(OnnxNode node)
    {
        if (!OnlyFirst(node) || node.GetInt("allowzero", 0) != 0 || Sizes(node.Outputs[0]) is not { Length: > 0 } sizes) return false;
        if (sizes[0] != _batch || Numbers(node, 1) is not { } shape) return false;
        // 0 is the size that the input has in the same place: the batch's in front.
        if (shape[0] != 0) Shapes.Add((node, 1, [0, .. shape[1..]]));
        return true;
    }

    private bool IsExpandedByRows(OnnxNode node)
    {
        if (!OnlyFirst(node) || Numbers(node, 1) is not { } shape || Rank(node.Input(0)) != Rank(node.Outputs[0])) return false;
        if (shape.Length < Rank(node.Input(0)) || shape[0] == 1) return true;
        Shapes.Add((node, 1, [1, .. shape[1..]]));
        return shape[0] == _batch;
    }

    private bool IsResizedByRows(OnnxNode node)
    {
        if (node.GetString("coordinate_transformation_mode", "") == "tf_crop_and_resize") return false;
        if (Sizes(node.Input(0)) is not { Length: > 2 } own) return false;
        if (node.GetInts("axes") is { } axes) return axes.All(axis => IsInner(node, axis));
        if (Numbers(node, 3) is { Length: > 2 } sizes)
        {
            if (sizes[0] != own[0] || sizes[1] != own[1]) return false;
            if (node.GetString("keep_aspect_ratio_policy", "stretch") != "stretch") return false;
            Shapes.Add((node, 3, sizes));
            return true;
        }

        return Constant(node.Input(2))?.ToDoubleArray() is [1, ..];
    }

    private bool IsProductOfRows(OnnxNode node)
    {
        var (first, second) = (node.Input(0), node.Input(1));
        if (Rank(first) is not { } left || Rank(second) is not { } right) return false;
        return (_rows.Contains(first), _rows.Contains(second)) switch
        {
            (true, true) => left == right && left > 2,
            (true, false) => left > 1 && left >= right && (right <= 2 || IsAlike(second, left)),
            _ => right > 2 && right >= left && (left <= 2 || IsAlike(first, right)),
        };
    }

    /// <summary>The axes of a reduction: an attribute once, an input since; null where there are none, which means all.</summary>
    private long[]? Axes(OnnxNode node) => node.GetInts("axes") is { } axes ? [.. axes] : Numbers(node, 1);

    /// <summary>Whole numbers that the graph holds as a constant.</summary>
    private long[]? Numbers(OnnxNode node, int index) => Constant(node.Input(index)) is { ElementType: OnnxElementType.Int64 } tensor
        ? tensor.ToArray<long>() : null;

    private OnnxTensor? Constant(string value) => value.Length > 0 && _facts.TryGetValue(value, out var facts) && !_rows.Contains(value)
        ? facts.Constant : null;
}
