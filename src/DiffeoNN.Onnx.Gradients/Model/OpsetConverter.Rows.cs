namespace DiffeoNN.Onnx.Gradients;

/// <content>How forms of version 7 and later are rewritten.</content>
public static partial class OpsetConverter
{
    internal static OnnxNode Renamed(OnnxNode node, string opType)
    {
        var copy = node.Copy();
        copy.OpType = opType;
        return copy;
    }

    internal static OnnxNode Without(OnnxNode node, params string[] attributes)
    {
        var copy = node.Copy();
        foreach (var name in attributes)
            copy.Attributes.Remove(name);
        return copy;
    }

    internal static OnnxNode Default(OnnxNode node, string attribute, string value) =>
        node.Attributes.ContainsKey(attribute) ? node : node.Copy().With(OnnxAttribute.Of(attribute, value));

    internal static void SetInput(OnnxNode node, int index, string value)
    {
        while (node.Inputs.Count <= index)
            node.Inputs.Add("");
        node.Inputs[index] = value;
    }

    internal static OnnxNode[] AttributeToInput(OnnxNode node, OpsetScope scope, string attribute, int index)
    {
        if (!node.Attributes.TryGetValue(attribute, out var value))
            return [node];
        var copy = Without(node, attribute);
        var name = value.Kind switch
        {
            OnnxAttributeKind.Floats => scope.Constant(OnnxTensor.Create("", [value.Floats.Count], value.Floats.ToArray().AsSpan())),
            OnnxAttributeKind.Int => scope.Constant([value.Int]),
            _ => scope.Constant(value.Ints),
        };
        SetInput(copy, index, name);
        return [copy];
    }

    internal static OnnxNode[] DropSpatial(OnnxNode node, OpsetScope scope) => node.GetInt("spatial", 1) == 1
        ? [Without(node, "spatial")]
        : throw new OnnxModelException($"{node} normalises every position by itself (spatial=0), a form that operator set 9 withdrew.");

    internal static OnnxNode[] SliceAttributes(OnnxNode node, OpsetScope scope)
    {
        var starts = node.GetInts("starts") ?? [];
        var copy = Without(node, "starts", "ends", "axes");
        SetInput(copy, 1, scope.Constant(starts));
        SetInput(copy, 2, scope.Constant(node.GetInts("ends") ?? []));
        SetInput(copy, 3, scope.Constant(node.GetInts("axes") ?? [.. Enumerable.Range(0, starts.Count).Select(a => (long)a)]));
        return [copy];
    }

    /// <summary>Version 10 knew one way of placing samples: asymmetric, rounded down where an axis grows and up where it shrinks.</summary>
    internal static OnnxNode[] ResizeCoordinates(OnnxNode node, OpsetScope scope)
    {
        OnnxNode Resized(string input, string scales, string output, string rounding)
        {
            var copy = new OnnxNode("Resize", [input, "", scales], [output], node.Attributes.Values)
                { Name = rounding == "floor" ? node.Name : "" };
            return copy.With(OnnxAttribute.Of("coordinate_transformation_mode", "asymmetric"), OnnxAttribute.Of("nearest_mode", rounding));
        }

        if (node.Input(1).Length == 0)
            throw new OnnxModelException($"{node} lacks input 1, its scales.");
        var (input, scales, output) = (node.Inputs[0], node.Inputs[1], node.Outputs[0]);
        var known = scope.NumbersOf(scales);
        if (node.GetString("mode", "nearest") != "nearest" || known?.All(s => s >= 1) == true)
            return [Resized(input, scales, output, "floor")];
        if (known?.All(s => s <= 1) == true)
            return [Resized(input, scales, output, "ceil")];
        var one = scope.Constant(OnnxTensor.Scalar("", 1f));
        var (up, down, grown) = (scope.Fresh("up"), scope.Fresh("down"), scope.Fresh("grown"));
        return
        [
            new OnnxNode("Max", [scales, one], [up]),
            new OnnxNode("Min", [scales, one], [down]),
            Resized(input, up, grown, "floor"),
            Resized(grown, down, output, "ceil"),
        ];
    }

    /// <summary>Version 11 wanted empty scales beside sizes; version 13 refuses both.</summary>
    internal static OnnxNode[] SizesAlone(OnnxNode node, OpsetScope scope)
    {
        if (node.Input(3).Length == 0)
            return [node];
        var copy = node.Copy();
        copy.Inputs[2] = "";
        return [copy];
    }

    internal static OnnxNode[] ClipLimits(OnnxNode node, OpsetScope scope)
    {
        var type = scope.TypeOf(node.Inputs[0]);
        var copy = Without(node, "min", "max");
        if (node.Attributes.TryGetValue("min", out var min))
            SetInput(copy, 1, scope.Constant(OnnxTensor.FromDoubles("", type, [], [min.Float])));
        if (node.Attributes.TryGetValue("max", out var max))
            SetInput(copy, 2, scope.Constant(OnnxTensor.FromDoubles("", type, [], [max.Float])));
        return [copy];
    }

    internal static OnnxNode[] PadAmounts(OnnxNode node, OpsetScope scope)
    {
        var copy = Without(node, "pads", "value");
        SetInput(copy, 1, scope.Constant(node.GetInts("pads") ?? []));
        SetInput(copy, 2, scope.Constant(OnnxTensor.FromDoubles("", scope.TypeOf(node.Inputs[0]), [], [node.GetFloat("value", 0)])));
        return [copy];
    }

    /// <summary>Before version 13 everything from the axis on was one vector.</summary>
    internal static OnnxNode[] FlattenedSoftmax(OnnxNode node, OpsetScope scope)
    {
        var axis = node.GetInt("axis", 1);
        if (axis == -1 || scope.RankOf(node.Inputs[0]) == axis + 1)
            return [node.Copy().With(OnnxAttribute.Of("axis", -1))];
        var (shape, flat, done) = (scope.Fresh("shape"), scope.Fresh("flat"), scope.Fresh("softmax"));
        return
        [
            new OnnxNode("Shape", [node.Inputs[0]], [shape]),
            new OnnxNode("Flatten", [node.Inputs[0]], [flat], OnnxAttribute.Of("axis", axis)),
            new OnnxNode(node.OpType, [flat], [done], OnnxAttribute.Of("axis", -1)) { Name = node.Name },
            new OnnxNode("Reshape", [done, shape], node.Outputs),
        ];
    }

    /// <summary>Before version 14 the statistics as outputs said that the batch's own were meant;
    /// those saved for training are gone since.</summary>
    internal static OnnxNode[] StatisticsOutputs(OnnxNode node, OpsetScope scope)
    {
        if (node.Outputs.Skip(3).FirstOrDefault(o => o.Length > 0 && scope.IsRead(o)) is { } saved)
            throw new OnnxModelException($"{node} gives '{saved}', statistics that it saved for its own gradient, to the model; operator "
                + "set 14 and later have no such output.");
        var copy = node.Copy();
        var training = copy.Outputs.Skip(1).Any(o => o.Length > 0);
        var kept = training ? Math.Min(3, copy.Outputs.Count) : 1;
        copy.Outputs.RemoveRange(kept, copy.Outputs.Count - kept);
        for (var i = 1; i < copy.Outputs.Count; i++)
            copy.Outputs[i] = copy.Outputs[i].Length > 0 ? copy.Outputs[i] : scope.Fresh("statistics");
        return [training ? copy.With(OnnxAttribute.Of("training_mode", 1)) : copy];
    }

    internal static OnnxNode[] SplitCount(OnnxNode node, OpsetScope scope) =>
        node.Input(1).Length > 0 ? [node] : [node.Copy().With(OnnxAttribute.Of("num_outputs", node.Outputs.Count))];

    internal static OnnxNode[] GridSampleMode(OnnxNode node, OpsetScope scope) => node.GetString("mode", "bilinear") switch
    {
        "bilinear" => [node.Copy().With(OnnxAttribute.Of("mode", "linear"))],
        "bicubic" => [node.Copy().With(OnnxAttribute.Of("mode", "cubic"))],
        _ => [node],
    };

    internal static OnnxNode[] TransformAxis(OnnxNode node, OpsetScope scope)
    {
        var copy = Without(node, "axis");
        SetInput(copy, 2, scope.Constant(OnnxTensor.Scalar("", node.GetInt("axis", 1))));
        return [copy];
    }

    /// <summary>Until version 20 scale and bias belonged to groups: every channel gets those of its group.</summary>
    internal static OnnxNode[] ChannelScales(OnnxNode node, OpsetScope scope)
    {
        var groups = scope.Constant([node.GetInt("num_groups", 1)]);
        var (channels, width, shape) = (scope.Fresh("channels"), scope.Fresh("width"), scope.Fresh("shape"));
        var copy = node.Copy();
        List<OnnxNode> nodes =
        [
            new("Shape", [node.Inputs[0]], [channels], OnnxAttribute.Of("start", 1), OnnxAttribute.Of("end", 2)),
            new("Div", [channels, groups], [width]),
            new("Concat", [groups, width], [shape], OnnxAttribute.Of("axis", 0)),
        ];
        foreach (var input in new[] { 1, 2 })
        {
            var (column, repeated) = (scope.Fresh("column"), scope.Fresh("repeated"));
            copy.Inputs[input] = scope.Fresh("channels");
            nodes.Add(new OnnxNode("Unsqueeze", [node.Inputs[input], scope.Constant([1L])], [column]));
            nodes.Add(new OnnxNode("Expand", [column, shape], [repeated]));
            nodes.Add(new OnnxNode("Reshape", [repeated, scope.Constant([-1L])], [copy.Inputs[input]]));
        }

        return [.. nodes, copy];
    }
}
