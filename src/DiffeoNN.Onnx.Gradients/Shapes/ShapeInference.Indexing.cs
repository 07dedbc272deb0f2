namespace DiffeoNN.Onnx.Gradients;

/// <content>Operators that pick elements by conditions, write them to computed places, or gather patches.</content>
internal static partial class ShapeInference
{
    /// <summary>How many elements are taken is known where the condition is.</summary>
    internal static ValueFacts[] Compress(InferenceContext n)
    {
        Dim Taken(int axis) =>
            n.Items(1) is { } items && Array.TrueForAll(items, i => i.IsKnown) ? items.Count(i => i.Number != 0) : n.Unknown(axis);
        if (!n.Node.Attributes.TryGetValue("axis", out var attribute))
            return One(n.Type(0), [Taken(0)]);
        if (n.Shape(0) is not { } shape)
            return One(n.Type(0), null);
        var axis = n.Axis(attribute.Int, shape.Length);
        return One(n.Type(0), [.. shape.Select((d, i) => i == axis ? Taken(i) : d)]);
    }

    internal static IEnumerable<ValueFacts> Unique(InferenceContext n)
    {
        var count = n.Unknown(0);
        Dim[]? values = [count];
        var inverse = n.Shape(0)?.Aggregate(Dim.One, (a, b) => a * b);
        if (n.Node.Attributes.TryGetValue("axis", out var attribute))
        {
            values = null;
            if (n.Shape(0) is { } shape)
            {
                var axis = n.Axis(attribute.Int, shape.Length);
                values = [.. shape.Select((d, i) => i == axis ? count : d)];
                inverse = shape[axis];
            }
        }

        ValueFacts Numbers(Dim length) => new(OnnxElementType.Int64, [length]);
        return [new ValueFacts(n.Type(0), values), Numbers(count), Numbers(inverse ?? Dim.Symbol($"{n.Node.Outputs[0]}.inverse")),
            Numbers(count)];
    }

    internal static ValueFacts[] CenterCropPad(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return One(n.Type(0), null);
        var result = (Dim[])shape.Clone();
        var axes = n.Node.GetInts("axes")?.Select(a => n.Axis(a, shape.Length)).ToArray() ?? [.. Enumerable.Range(0, shape.Length)];
        for (var i = 0; i < axes.Length; i++)
            result[axes[i]] = n.Items(1) is { } sizes && i < sizes.Length && sizes[i].Integer is { } size ? size : n.Unknown(axes[i]);
        return One(n.Type(0), result);
    }

    internal static ValueFacts[] ColumnsToImage(InferenceContext n)
    {
        if (Requested(n, 1) is not { } image)
            return One(n.Type(0), null);
        // Sizes that nothing is known about are named by their place in the shape asked for, which lacks the first two axes.
        image = [.. image.Select((d, i) => d.Equals(n.Unknown(i)) ? n.Unknown(i + 2) : d)];
        var patch = n.Items(2) is { } block && Array.TrueForAll(block, b => b.Integer is not null)
            ? block.Aggregate(Dim.One, (a, b) => a * b.Integer!)
            : null;
        return One(n.Type(0), n.Shape(0) is [var batch, var columns, _]
            ? [batch, patch is null ? n.Unknown(1) : Dim.FloorDivide(columns, patch), .. image] : [n.Unknown(0), n.Unknown(1), .. image]);
    }
}
