namespace DiffeoNN.Onnx.Gradients;

/// <content>How forms of versions 1 to 6, which models of 2017 use, are rewritten.</content>
public static partial class OpsetConverter
{
    internal static OnnxNode RenamedAttribute(OnnxNode node, string from, string to) =>
        node.Attributes.TryGetValue(from, out var value) ? Without(node, from).With(value.Renamed(to)) : node;

    internal static OnnxNode[] WholeNorm(OnnxNode node, OpsetScope scope)
    {
        var p = node.GetFloat("p", 2);
        if (p != MathF.Floor(p) || p < 1)
            throw new OnnxModelException($"{node} has p={p}; newer versions know whole numbers of at least 1 alone.");
        return [node.Copy().With(OnnxAttribute.Of("p", (long)p))];
    }

    internal static OnnxNode[] SplitInput(OnnxNode node, OpsetScope scope)
    {
        if (node.Input(1).Length == 0)
            return [node];
        var sizes = scope.NumbersOf(node.Inputs[1])
            ?? throw new OnnxModelException($"{node} takes the sizes of its parts from '{node.Inputs[1]}', which is no constant.");
        var copy = node.Copy();
        copy.Inputs.RemoveRange(1, copy.Inputs.Count - 1);
        return [copy.With(OnnxAttribute.Of("split", sizes.Select(s => (long)s)))];
    }

    internal static OnnxNode[] CastByName(OnnxNode node, OpsetScope scope)
    {
        if (!node.Attributes.TryGetValue("to", out var to) || to.Kind != OnnxAttributeKind.String)
            return [node];
        return Enum.TryParse<OnnxElementType>(to.String, ignoreCase: true, out var type) && Enum.IsDefined(type)
            && type != OnnxElementType.Undefined
            ? [node.Copy().With(OnnxAttribute.Of("to", (long)type))]
            : throw new OnnxModelException($"{node} casts to '{to.String}', which is no element type.");
    }

    /// <summary>Version 1 repeated along one axis; both the number and the axis are inputs.</summary>
    internal static OnnxNode[] TileOneAxis(OnnxNode node, OpsetScope scope)
    {
        if (scope.NumbersOf(node.Input(1)) is not [var tiles] || scope.NumbersOf(node.Input(2)) is not [var axis]
            || scope.RankOf(node.Input(0)) is not { } rank
            || axis < 0 || axis >= rank)
            throw new OnnxModelException(
                $"{node} is converted where its tiles and its axis are constants and the rank of its input is known; here they are not.");
        var repeats = Enumerable.Repeat(1L, rank).ToArray();
        repeats[(int)axis] = (long)tiles;
        var copy = node.Copy();
        copy.Inputs.RemoveAt(2);
        copy.Inputs[1] = scope.Constant(repeats);
        return [copy];
    }

    internal static OnnxNode[] RoundedSelu(OnnxNode node, OpsetScope scope) =>
        [node.Copy().With(
            OnnxAttribute.Of("alpha", node.GetFloat("alpha", 1.6732f)), OnnxAttribute.Of("gamma", node.GetFloat("gamma", 1.0507f)))];

    internal static OnnxNode[] FormulaOfOneInput(OnnxNode node, OpsetScope scope)
    {
        var (nodes, value) = (new List<OnnxNode>(), node.Input(0));
        var type = scope.TypeOf(value);
        void Apply(string opType, double? number = null)
        {
            var name = scope.Fresh(opType);
            string[] inputs = number is { } n ? [value, scope.Constant(OnnxTensor.FromDoubles("", type, [], [n]))] : [value];
            nodes.Add(new OnnxNode(opType, inputs, [name]));
            value = name;
        }

        switch (node.OpType)
        {
            case "Affine":
                Apply("Mul", node.GetFloat("alpha", 1));
                Apply("Add", node.GetFloat("beta", 0));
                break;
            case "Scale":
                Apply("Mul", node.GetFloat("scale", 1));
                break;
            case "ScaledTanh":
                Apply("Mul", node.GetFloat("beta", 1));
                Apply("Tanh");
                Apply("Mul", node.GetFloat("alpha", 1));
                break;
            default:
                Apply("Mul", node.GetFloat("beta", 1));
                Apply("Softplus");
                Apply("Mul", node.GetFloat("alpha", 1));
                break;
        }

        return Ending(nodes, node);
    }

    /// <summary>Y = scale * X + bias with a bias per channel.</summary>
    internal static OnnxNode[] ImageScaler(OnnxNode node, OpsetScope scope)
    {
        var type = scope.TypeOf(node.Input(0));
        var bias = node.Attributes.TryGetValue("bias", out var given) ? given.Floats.Select(f => (double)f).ToArray() : [0.0];
        var scaled = scope.Fresh("scaled");
        return Ending(
        [
            new OnnxNode("Mul", [node.Input(0), scope.Constant(OnnxTensor.FromDoubles("", type, [], [node.GetFloat("scale", 1)]))],
                [scaled]),
            new OnnxNode("Add", [scaled, scope.Constant(OnnxTensor.FromDoubles("", type, [bias.Length, 1, 1], bias))],
                [scope.Fresh("shifted")]),
        ], node);
    }

    /// <summary>The last node takes the output of the one they replace.</summary>
    internal static OnnxNode[] Ending(List<OnnxNode> nodes, OnnxNode replaced)
    {
        nodes[^1].Outputs[0] = replaced.Outputs[0];
        nodes[^1].Name = replaced.Name;
        return [.. nodes];
    }

    /// <summary>The second operand alone was broadcast, its axes placed from 'axis' on: axes of size 1 behind them do the same.</summary>
    internal static OnnxNode[] LimitedBroadcast(OnnxNode node, OpsetScope scope)
    {
        var copy = Without(node, "broadcast", "axis");
        if (!node.Attributes.ContainsKey("axis") || node.GetInt("broadcast", 0) == 0 || scope.RankOf(node.Input(1)) == 0)
            return [copy];
        if (scope.RankOf(node.Input(0)) is not { } rank || scope.RankOf(node.Input(1)) is not { } own)
            throw new OnnxModelException(
                $"{node} broadcasts from axis {node.GetInt("axis", 0)} on, which needs the ranks of its inputs; declare their shapes.");
        var axis = node.GetInt("axis", 0);
        axis = axis < 0 ? axis + rank : axis;
        var behind = rank - axis - own;
        // An axis of -1 means the last axes, as no axis does.
        if (node.GetInt("axis", 0) == -1 || behind == 0)
            return [copy];
        if (behind < 0 || axis < 0)
            throw new OnnxModelException($"{node} broadcasts an operand of rank {own} from axis {axis} on; the other has rank {rank}.");
        return Unsqueezed(copy, 1, own, (int)behind, scope);
    }

    internal static OnnxNode[] SlopePerChannel(OnnxNode node, OpsetScope scope)
    {
        if (scope.SizeOf(node.Input(1)) == 1 || scope.RankOf(node.Input(1)) == 0)
            return [node];
        if (scope.RankOf(node.Input(0)) is not { } rank || scope.RankOf(node.Input(1)) is not { } own)
            throw new OnnxModelException($"{node} has a slope per channel, which needs the ranks of its inputs; declare their shapes.");
        return own == 1 && rank > 2 ? Unsqueezed(node.Copy(), 1, 1, rank - 2, scope) : [node];
    }

    internal static OnnxNode[] Unsqueezed(OnnxNode node, int input, int rank, int count, OpsetScope scope)
    {
        var name = scope.Fresh("unsqueezed");
        var wide = new OnnxNode(
            "Unsqueeze", [node.Inputs[input]], [name], OnnxAttribute.Of("axes", Enumerable.Range(rank, count).Select(a => (long)a)));
        node.Inputs[input] = name;
        return [wide, node];
    }

    internal static OnnxNode[] InferenceOnly(OnnxNode node, OpsetScope scope)
    {
        if (node.GetInt("is_test", 0) == 0)
            throw new OnnxModelException($"{node} computes as in training (is_test=0). Export the model for inference.");
        var copy = Without(node, "is_test");
        copy.Outputs.RemoveRange(1, copy.Outputs.Count - 1);
        return [copy];
    }

    internal static OnnxNode[] UpsampleScales(OnnxNode node, OpsetScope scope)
    {
        if (node.Attributes.ContainsKey("scales"))
            return [node];
        var copy = Without(node, "height_scale", "width_scale").With(
            OnnxAttribute.Of("scales", [1f, 1, node.GetFloat("height_scale", 1), node.GetFloat("width_scale", 1)]));
        return [node.GetString("mode", "nearest") == "bilinear" ? copy.With(OnnxAttribute.Of("mode", "linear")) : copy];
    }
}
