namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Pooling.</summary>
internal static class Pooling
{
    /// <summary>Weights or counts that are written into the model one by one;
    /// where there would be more, sizes are taken when it runs, or it is refused.</summary>
    private const long MostConstants = 1L << 24;

    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("MaxPool",
            new(7, MaxPool) { Limits = "Of the values; indices carry none. The element that the runtime took gets the gradient." })
        {
            Takes = new(1, 1), Ranks = ["3+"],
            Attributes = [new("kernel_shape") { IsRequired = true }], Shapes = ShapeInference.Pool,
        },
        new("AveragePool", new(7, AveragePool))
        {
            Takes = new(1, 1), Ranks = ["3+"],
            Attributes = [new("kernel_shape") { IsRequired = true }], Shapes = ShapeInference.Pool,
        },
        new("GlobalAveragePool", new(7, GlobalAverage)) { Takes = new(1, 1), Ranks = ["2+"], Shapes = ShapeInference.GlobalPool },
        new("GlobalMaxPool", new(7, GlobalMax)) { Takes = new(1, 1), Ranks = ["2+"], Shapes = ShapeInference.GlobalPool },
    ];

    /// <summary>Every maximum sends its gradient to the one element it came from.</summary>
    private static Func<Value>[] MaxPool(RuleContext n)
    {
        return
        [
            () =>
            {
                var indices = Indices(n);
                if (n.X.ElementType == OnnxElementType.Float && Apart(n) is { } window)
                {
                    if (n.Builder.Target == GradientTarget.Gpu)
                        return Indexing.PutFlat(n.X, indices, n.dY);
                    // Where the windows tile the input its shape follows from dY.
                    var shape = AllInside(n, window) && Tiled(n, window) ? null : n.X.ShapeVector;
                    return n.Builder.Node("MaxUnpool", [n.dY, indices, shape], 1, Unpooling(n, window))[0];
                }

                return Indexing.ScatterFlat(n.X, indices, n.dY);
            },
        ];
    }

    /// <summary>The windows where no two of them share an element, so that nothing needs to be added up; otherwise null.</summary>
    private static Window? Apart(RuleContext n) =>
        n.X.Shape is { Length: 3 or 4 or 5 } shape && Window.Read(n.Node, shape, null) is { } window
            && Enumerable.Range(0, window.Rank).All(i => window.Extent(i) <= window.Strides[i])
            ? window
            : null;

    /// <summary>
    /// The windows to undo. The runtime refuses a shape that is smaller than all windows side by side, and where windows may reach past
    /// the input theirs is: since the indices tell where everything goes, windows of one element do as well,
    /// of which there are no more than elements.
    /// </summary>
    private static OnnxAttribute[] Unpooling(RuleContext n, Window window) => AllInside(n, window)
        ? [.. n.Node.Attributes.Values.Where(a => a.Name is "kernel_shape" or "strides")]
        : [OnnxAttribute.Of("kernel_shape", Enumerable.Repeat(1L, window.Rank))];

    private static bool AllInside(RuleContext n, Window window) => Enumerable.Range(0, window.Rank).All(i => IsInside(n, window, i));

    private static bool IsInside(RuleContext n, Window window, int axis) =>
        n.X.Shape![axis + 2].Size is { } size && n.Y.Shape?[axis + 2].Size is { } steps
        ? ((steps - 1) * window.Strides[axis]) + window.Kernel[axis] <= size
        : window.Begin[axis] == 0 && window.End[axis] == 0 && window.Automatic.Length == 0 && !window.Ceiling;

    private static bool Tiled(RuleContext n, Window window) => Enumerable.Range(0, window.Rank).All(i =>
        window.Begin[i] == 0 && window.End[i] == 0 && n.Y.Shape?[i + 2] is { } steps
            && n.X.Shape![i + 2].Equals(((steps - 1) * window.Strides[i]) + window.Kernel[i]));

    /// <summary>Positions of the maxima in the flat input: an output that the forward node has or is given.</summary>
    private static Value Indices(RuleContext n)
    {
        if (n.Node.GetInt("storage_order", 0) != 0)
        {
            return n.Builder.Node("MaxPool", [n.X], 2, [.. n.Node.Attributes.Values.Where(a => a.Name != "storage_order")])[1];
        }

        if (n.Node.Outputs.Count < 2)
            n.Node.Outputs.Add("");
        if (n.Node.Outputs[1].Length == 0)
            n.Node.Outputs[1] = n.Builder.AddOutput("indices", new ValueFacts(OnnxElementType.Int64, n.Y.Shape)).Name;
        return n.Builder[n.Node.Outputs[1]];
    }

    /// <summary>Every element of dY is spread evenly over its window.</summary>
    private static Func<Value>[] AveragePool(RuleContext n)
    {
        var window = Window.Read(n.Node, n.X.Shape ?? throw n.Refuse("the rank of its input is not known."), null)!;
        return [() => Tiles(n, window) ? Repeated(n, window) : Spread(n, window)];
    }

    /// <summary>Whether the windows cover the input without gaps, overlaps or padding.</summary>
    private static bool Tiles(RuleContext n, Window window) =>
        n.X.ElementType == OnnxElementType.Float && Enumerable.Range(0, window.Rank).All(i =>
            window.Kernel[i] == window.Strides[i] && window.Dilations[i] == 1 && window.Begin[i] == 0 && window.End[i] == 0
            && n.X.Shape![i + 2].Size is { } size && size % window.Kernel[i] == 0);

    private static Value Repeated(RuleContext n, Window window)
    {
        var scales = n.Builder.Constant(OnnxTensor.Create<float>("", [window.Rank + 2], [1, 1, .. window.Kernel.Select(k => (float)k)]));
        return n.Builder.Node("Resize", [n.dY / window.Kernel.Aggregate(1L, (a, b) => a * b), null, scales], 1,
            OnnxAttribute.Of("mode", "nearest"),
            OnnxAttribute.Of("coordinate_transformation_mode", "asymmetric"), OnnxAttribute.Of("nearest_mode", "floor"))[0];
    }

    private static Value Spread(RuleContext n, Window window)
    {
        var count = Elements(n, window);
        var padded = (window.Automatic.Length > 0 || window.Begin.Concat(window.End).Any(p => p > 0))
            && n.Node.GetInt("count_include_pad", 0) == 0;
        // Before operator set 19 a window that padding counts for is averaged as a whole, whatever it reaches.
        var reaches = (n.Builder.Opset >= 19 || n.Node.GetInt("count_include_pad", 0) == 0)
            && Enumerable.Range(0, window.Rank).Any(i => window.ReachesOut(i, n.X.Shape![i + 2], n.Y.Shape?[i + 2]));
        if (window.Automatic.Length > 0
            && Enumerable.Range(0, window.Rank).Any(i => window.Dilations[i] > 1 && window.Kernel[i] < window.Strides[i]))
            return WithoutEnd(n, window, Scatter(n, window, n.dY / Counts(n, window, !padded), 1));
        return padded || window.Ceiling || reaches
            ? Scatter(n, window, n.dY / Counts(n, window, !padded), 1)
            : Scatter(n, window, n.dY, 1.0 / count);
    }

    /// <summary>Zeros where padding less than 0 leaves out the end, which dilated windows may reach into without averaging it.</summary>
    private static Value WithoutEnd(RuleContext n, Window window, Value gradient)
    {
        var end = FreePadding.Same(n.X, window).End;
        var cut = new FreePadding(n.Builder.Integers(new long[window.Rank]), n.Builder.Op("Min", end, end.Like(0)));
        return new FreePadding(cut.Begin, -cut.End).Around(cut.Around(gradient));
    }

    /// <summary>Adds every element of a gradient, times a factor, to all elements of X in its window.</summary>
    public static Value Scatter(RuleContext n, Window window, Value dY, double factor)
    {
        if (n.Y.Shape?.Any(d => d.Size == 0) == true)
            return n.Zeros(n.X);
        var kernel = Enumerable.Repeat(factor, Elements(n, window)).ToArray();
        // Channels are independent: each is an image of its own.
        var images = n.Y.Shape?.Skip(2).All(d => d.IsConstant) == true ? n.Builder.Integers(-1) : n.Y.Size(0) * n.Y.Size(1);
        Value[] sizes = [images, n.Builder.Integers(1), .. Enumerable.Range(2, window.Rank).Select(d => n.Y.Size(d))];
        var shape = n.Builder.Node("Concat", sizes, OnnxAttribute.Of("axis", 0))[0];
        // No size but a known one is left to be found out: of no windows there is none.
        var single = images.Facts.Integers is [-1] ? dY.Reshape(shape) : dY.ReshapeTo(shape);
        // The runtime's transposed convolutions of nothing fail: where there may be no window one of zeros follows.
        long[] more = [.. Enumerable.Range(0, window.Rank).Select(i => n.X.Shape![i + 2].IsConstant || !window.CanBeNone(i) ? 0L : 1)];
        single = single.Pad([0, 0, .. new long[window.Rank], 0, 0, .. more]);
        var weights = n.Builder.Constant(OnnxTensor.FromDoubles("", n.X.ElementType, [1, 1, .. window.Kernel], kernel));
        return Convolution.Adjoint(single, weights, window, 1, n.X).ReshapeLike(n.X);
    }

    /// <summary>Elements of a window, each a weight of the gradient.</summary>
    private static int Elements(RuleContext n, Window window)
    {
        var most = window.Kernel.Aggregate(MostConstants, (left, size) => left / Math.Max(1, size));
        return most > 0 ? (int)window.Kernel.Aggregate(1L, (a, b) => a * b)
            : throw n.Refuse($"its window of {string.Join(" x ", window.Kernel)} has more than {MostConstants} elements.");
    }

    /// <summary>How many elements each window averages: a product over the axes.</summary>
    private static Value Counts(RuleContext n, Window window, bool includePadding)
    {
        var result = n.X.Like(1);
        for (var i = 0; i < window.Rank; i++)
        {
            var counts = window.Automatic.Length == 0 && n.X.Shape![i + 2].Size is { } size
                && n.Y.Shape![i + 2].Size is { } steps and <= MostConstants
                ? n.Builder.Constant(OnnxTensor.FromDoubles("", n.X.ElementType, [steps],
                    [.. Enumerable.Range(0, (int)steps).Select(o => (double)Inside(o, i, window, size, includePadding))]))
                : FreeCounts(n, window, i, includePadding);
            result *= counts.Reshape([-1, .. Enumerable.Repeat(1L, window.Rank - 1 - i)]);
        }

        return result;
    }

    /// <summary>How many elements each window averages along an axis of free size.</summary>
    private static Value FreeCounts(RuleContext n, Window window, int axis, bool includePadding)
    {
        var padding = window.Automatic.Length > 0
            ? FreePadding.Same(n.X, window)
            : new FreePadding(n.Builder.Integers(window.Begin), n.Builder.Integers(window.End));
        var size = n.X.Size(axis + 2);
        var starts = (Sampling.Count(n.Y.Size(axis + 2)) * window.Strides[axis]) - padding.Begin.Slice(0, axis, axis + 1);
        var places = starts.Unsqueeze(1)
            + n.Builder.Integers([.. Enumerable.Range(0, (int)window.Kernel[axis]).Select(k => k * window.Dilations[axis])]);
        var end = padding.End.Slice(0, axis, axis + 1);
        // Padding less than 0 leaves elements out.
        var inside = window.Automatic.Length > 0 ? size + n.Builder.Op("Min", end, end.Like(0)) : size;
        var counted = includePadding ? places < size + end
            : n.Builder.Op("And", places < inside, n.Builder.Op("GreaterOrEqual", places, places.Like(0)));
        return counted.AsNumber(n.X).Sum([1], keep: false);
    }

    private static long Inside(int output, int axis, Window window, long size, bool includePadding)
    {
        var start = (output * window.Strides[axis]) - window.Begin[axis];
        return Enumerable.Range(0, (int)window.Kernel[axis]).Count(k => start + (k * window.Dilations[axis]) is var p
            && (includePadding ? p < size + window.End[axis] : p >= 0 && p < size));
    }

    private static long[] Spatial(RuleContext n) => [.. Enumerable.Range(2, n.X.Rank - 2).Select(a => (long)a)];

    private static Func<Value>[] GlobalAverage(RuleContext n)
    {
        return
        [
            () => n.X.Shape!.Skip(2).All(d => d.IsConstant)
                ? (n.dY / n.X.Shape!.Skip(2).Aggregate(1L, (a, b) => a * b.Constant)).ExpandLike(n.X)
                : (n.dY / n.Builder.Op("Div", n.X.Apply("Size"), n.Y.Apply("Size")).Cast(n.X.ElementType)).ExpandLike(n.X),
        ];
    }

    /// <summary>Elements that attain the maximum share the gradient equally.</summary>
    private static Func<Value>[] GlobalMax(RuleContext n)
    {
        return
        [
            () =>
            {
                var taken = n.Builder.Op("Equal", n.X, n.Y).AsNumber(n.X);
                return taken * (n.dY / taken.Sum(Spatial(n)));
            },
        ];
    }
}
