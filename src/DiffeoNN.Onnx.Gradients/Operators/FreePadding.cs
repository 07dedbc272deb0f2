namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Padding of a window that depends on free sizes, so that the graph computes it: int64 vectors over the spatial axes.</summary>
/// <param name="Begin">Padding before the first element.</param>
/// <param name="End">Padding after the last element.</param>
internal sealed record FreePadding(Value Begin, Value End)
{
    /// <summary>
    /// The padding for which the output has one element for every started stride;
    /// see <see cref="Window"/> for strides longer than the kernel.
    /// </summary>
    public static FreePadding Same(Value x, Window window)
    {
        var total = Total(x, window);
        var isUpper = window.Automatic == "SAME_UPPER";
        if (Enumerable.Range(0, window.Rank).All(i => window.Covered(i) >= window.Strides[i]))
            return Of(total, isUpper);
        if (!window.IsPool)
            total = x.Builder.Op("Max", total, x.Builder.Op("Min", total + 1, total.Like(0)));
        var begin = x.Builder.Op("Div", isUpper ? total : total + 1, x.Builder.Integers(2));
        return new FreePadding(begin, total - begin);
    }

    /// <summary>Splits padding over both ends.</summary>
    /// <param name="total">Its sum, at least 0.</param>
    /// <param name="upper">Whether the end gets the odd element.</param>
    public static FreePadding Of(Value total, bool upper)
    {
        var half = total.Builder.Op("Div", total, total.Builder.Integers(2));
        return upper ? new FreePadding(half, total - half) : new FreePadding(total - half, half);
    }

    /// <summary>Sizes of the spatial axes.</summary>
    public static Value Spatial(Value x) => x.ShapeVector.Slice(0, 2, x.Rank);

    /// <summary>Sizes that a window steps over: of the input with its padding, without what striding leaves over.</summary>
    public static Value Reached(Value steps, Window window)
    {
        var builder = steps.Builder;
        return ((steps - 1) * builder.Integers(window.Strides))
            + builder.Integers([.. Enumerable.Range(0, window.Rank).Select(window.Extent)]);
    }

    /// <summary>Surrounds a value with zeros.</summary>
    public Value Around(Value x) => Pad(x, Begin, End);

    /// <summary>Cuts the padding off a value that a window reached, and fills up with zeros what it did not reach.</summary>
    /// <param name="full">All that the window reached.</param>
    /// <param name="like">The input: only the sizes of the spatial axes matter.</param>
    public Value Within(Value full, Value like) => Pad(full, -Begin, Spatial(like) + Begin - Spatial(full));

    private static Value Total(Value x, Window window)
    {
        var builder = x.Builder;
        var sizes = Spatial(x);
        var strides = builder.Integers(window.Strides);
        var steps = builder.Op("Div", sizes + builder.Integers([.. window.Strides.Select(s => s - 1)]), strides);
        return ((steps - 1) * strides) + builder.Integers([.. Enumerable.Range(0, window.Rank).Select(window.Covered)]) - sizes;
    }

    private static Value Pad(Value x, Value begin, Value end)
    {
        var none = x.Builder.Integers(0, 0);
        return x.Builder.Op("Pad", x, x.Builder.Node("Concat", [none, begin, none, end], OnnxAttribute.Of("axis", 0))[0]);
    }
}
