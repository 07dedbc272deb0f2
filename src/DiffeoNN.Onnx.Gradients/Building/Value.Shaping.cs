namespace DiffeoNN.Onnx.Gradients;

/// <content>Shapes: what changes nothing adds no node, and constants are rearranged at once.</content>
public sealed partial class Value
{
    /// <summary>The shape as a vector; a constant where it is known.</summary>
    public Value ShapeVector => Facts.Sizes is { } sizes ? Builder.Integers(sizes) : Apply("Shape");

    /// <summary>The size of an axis as a vector of one element; a constant where it is known.</summary>
    public Value Size(int axis) => Shape?[axis].Size is { } size ? Builder.Integers(size)
        : Builder.Op("Slice", Apply("Shape"), Builder.Integers(axis), Builder.Integers(axis + 1), Builder.Integers(0));

    /// <summary>Reshapes; one size may be -1, a size of 0 is one.</summary>
    public Value Reshape(params ReadOnlySpan<long> shape)
    {
        if (Facts.Sizes is { } sizes && sizes.AsSpan().SequenceEqual(shape))
            return this;
        return shape.Contains(0) ? Builder.Node("Reshape", [this, Builder.Integers(shape)], OnnxAttribute.Of("allowzero", 1))[0]
            : Builder.Op("Reshape", this, Builder.Integers(shape));
    }

    /// <summary>Reshapes; sizes of 0 stay what they are on their axes.</summary>
    public Value Regroup(params ReadOnlySpan<long> shape) => Builder.Op("Reshape", this, Builder.Integers(shape));

    /// <summary>Reshapes to a computed shape.</summary>
    public Value Reshape(Value shape) =>
        shape.Facts.Integers is { } known && !known.Contains(0) ? Reshape(known) : Builder.Op("Reshape", this, shape);

    /// <summary>Reshapes to computed sizes, none of them -1; a size of 0 is one.</summary>
    public Value ReshapeTo(Value sizes) => sizes.Facts.Integers is { } known ? Reshape(known)
        : Builder.Node("Reshape", [this, sizes], OnnxAttribute.Of("allowzero", 1))[0];

    /// <summary>Reshapes to the shape of another value.</summary>
    public Value ReshapeLike(Value other)
    {
        if (Shape is not null && other.Shape is not null && Shape.SequenceEqual(other.Shape))
            return this;
        // With one free size the shape is a constant that says so.
        if (other.Facts.Sizes is { } sizes)
            return Reshape(sizes);
        if (other.Shape is { } shape && shape.Count(d => !d.IsConstant) == 1 && Array.TrueForAll(shape, d => d.Size != 0))
            return Reshape(Array.ConvertAll(shape, d => d.Size ?? -1));
        return ReshapeTo(other.ShapeVector);
    }

    /// <summary>Repeats along axes of size 1 (and leading axes) up to the shape of another value.</summary>
    public Value ExpandLike(Value other) => Shape is not null && other.Shape is not null && Shape.SequenceEqual(other.Shape) ? this
        : Builder.Op("Expand", this, other.ShapeVector);

    /// <summary>Reorders the axes: axis i of the result is axis order[i].</summary>
    public Value Transpose(params int[] order)
    {
        if (order.SequenceEqual(Enumerable.Range(0, order.Length)))
            return this;
        if (Facts.Constant is { StringData: null } constant && constant.Count > 0)
            return Builder.Constant(TensorTransforms.Transpose(constant, order));
        return Apply("Transpose", OnnxAttribute.Of("perm", order.Select(o => (long)o)));
    }

    /// <summary>Moves the axis of channels, the second one, to the end.</summary>
    internal Value ChannelsLast() => Transpose([0, .. Enumerable.Range(2, Rank - 2), 1]);

    /// <summary>Moves the axis of channels, the second one, to the front.</summary>
    internal Value ChannelsFirst() => Transpose([1, 0, .. Enumerable.Range(2, Rank - 2)]);

    /// <summary>Exchanges the last two axes.</summary>
    public Value TransposeLast()
    {
        var order = Enumerable.Range(0, Rank).ToArray();
        (order[^1], order[^2]) = (order[^2], order[^1]);
        return Transpose(order);
    }

    /// <summary>Inserts axes of size 1, counted in the result.</summary>
    public Value Unsqueeze(params ReadOnlySpan<long> axes) =>
        axes.Length == 0 ? this : Builder.Op("Unsqueeze", this, Builder.Integers(axes));

    /// <summary>Removes axes of size 1.</summary>
    public Value Squeeze(params ReadOnlySpan<long> axes) => axes.Length == 0 ? this : Builder.Op("Squeeze", this, Builder.Integers(axes));

    /// <summary>Sum over axes, which stay with size 1 if <paramref name="keep"/>.</summary>
    public Value Sum(ReadOnlySpan<long> axes, bool keep = true) =>
        axes.Length == 0 ? this : axes.Length == 1 && IsFew(axes[0]) ? SumOfParts(axes[0], keep)
            : Builder.Node("ReduceSum", [this, Builder.Integers(axes)], OnnxAttribute.Of("keepdims", keep ? 1 : 0))[0];

    /// <summary>Whether so little is summed along an axis inside that a GPU is faster at adding the parts:
    /// 33 MB over two channels took 0.13 ms as a reduction on an H100, where reading them takes 0.01.</summary>
    private bool IsFew(long axis) =>
        Builder.Target == GradientTarget.Gpu && axis >= 0 && axis < (KnownRank ?? 0) - 1 && Shape![axis].Size is >= 2 and <= 4;

    private Value SumOfParts(long axis, bool keep)
    {
        var parts = Builder.Node("Split", [this, Builder.Integers(Enumerable.Repeat(1L, (int)Shape![axis].Size!.Value).ToArray())],
            (int)Shape[axis].Size!.Value, OnnxAttribute.Of("axis", axis));
        var sum = parts.Aggregate((sum, part) => sum + part);
        return keep ? sum : sum.Squeeze(axis);
    }

    /// <summary>Mean over axes, which stay with size 1.</summary>
    public Value Mean(ReadOnlySpan<long> axes) => axes.Length == 0 ? this : Reduce("ReduceMean", axes);

    /// <summary>A reduction other than ReduceSum over axes, at least one, which stay with size 1.</summary>
    public Value Reduce(string opType, ReadOnlySpan<long> axes) => Builder.Opset >= 18
        ? Builder.Op(opType, this, Builder.Integers(axes)) : Apply(opType, OnnxAttribute.Of("axes", axes.ToArray()));

    /// <summary>Elements from <paramref name="start"/> up to but not including <paramref name="end"/> of one axis.</summary>
    public Value Slice(int axis, long start, long end) => Shape?[axis].Size is { } size && start == 0 && end >= size ? this
        : Builder.Op("Slice", this, Builder.Integers(start), Builder.Integers(end), Builder.Integers(axis));

    /// <summary>The element of an axis, which vanishes.</summary>
    public Value At(int axis, long index) => Shape?[axis].Size == 1 && index == 0 ? Squeeze(axis)
        : Gather(Builder.Constant(OnnxTensor.Scalar("", index)), axis);

    /// <summary>The numbers from 0 up to but not including this one.</summary>
    public Value Positions() =>
        Builder.Op("Range", Builder.Scalar(0, OnnxElementType.Int64), Reshape([]), Builder.Scalar(1, OnnxElementType.Int64));

    /// <summary>Elements from <paramref name="start"/> up to but not including <paramref name="end"/> of one axis,
    /// the last first.</summary>
    internal Value Reversed(int axis, long start, long end) => Builder.Op("Slice", this, Builder.Integers(end - 1),
        Builder.Integers(start > 0 ? start - 1 : int.MinValue), Builder.Integers(axis), Builder.Integers(-1));

    /// <summary>Elements of an axis by their indices.</summary>
    public Value Gather(Value indices, int axis = 0) => Builder.Node("Gather", [this, indices], OnnxAttribute.Of("axis", axis))[0];

    /// <summary>Zeros around the value: amounts at the beginning of every axis, then at the end.</summary>
    public Value Pad(params ReadOnlySpan<long> amounts) =>
        !amounts.ContainsAnyExcept(0) ? this : Builder.Op("Pad", this, Builder.Integers(amounts));

    /// <summary>All elements as a vector.</summary>
    public Value Flat() => KnownRank == 1 ? this : Reshape(-1);
}
