namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Operators that pick elements: their gradients put the elements back and add where several fall together.</summary>
internal static class Indexing
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Slice", new(7, Slice) { NonDifferentiableInputs = [1, 2, 3, 4] })
        {
            Takes = new(1, 5), InputNames = ["data", "starts", "ends", "axes", "steps"],
            Attributes = [new("starts") { IsRequired = true, Until = 9 }, new("ends") { IsRequired = true, Until = 9 }],
            Shapes = ShapeInference.Slice,
            Folding = ConstantEvaluator.Slice,
            Upgrades = [new(10, OpsetConverter.SliceAttributes)],
        },
        new("Gather", new(7, Gather) { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 2), InputNames = ["data", "indices"], Ranks = ["1+"], Shapes = ShapeInference.Gather,
            Folding = ConstantEvaluator.Gather,
        },
        new("OneHot", new(9, OneHot) { NonDifferentiableInputs = [0, 1] })
        {
            Takes = new(3, 3), InputNames = ["indices", "depth", "values"], Shapes = ShapeInference.OneHot,
        },
        new("Range", new(11, Range) { NonDifferentiableInputs = [1] })
        {
            Takes = new(3, 3), InputNames = ["start", "limit", "delta"], Shapes = ShapeInference.Range,
            Folding = ConstantEvaluator.Range,
        },
    ];

    /// <summary>Adds rows of <paramref name="updates"/> into zeros shaped as <paramref name="like"/>,
    /// at the given indices of one axis.</summary>
    /// <param name="like">The shape of the result.</param>
    /// <param name="indices">Vector of indices, one for each element of the updates' axis.</param>
    /// <param name="updates">The same shape as <paramref name="like"/> but for the axis.</param>
    /// <param name="axis">The axis.</param>
    public static Value ScatterAdd(Value like, Value indices, Value updates, int axis)
    {
        var column = Enumerable.Repeat(1L, updates.Rank).ToArray();
        column[axis] = -1;
        var zeros = updates.Like(0).ExpandLike(like);
        return Scatter(zeros, indices.Reshape(column).ExpandLike(updates), updates, axis, "add");
    }

    /// <summary>ScatterElements. ONNX Runtime reduces numbers of 16 bits nowhere, so these are widened on the way.</summary>
    public static Value Scatter(Value into, Value indices, Value updates, long axis, string reduction)
    {
        Value Wide(Value value) => reduction != "none" && value.ElementType is (OnnxElementType.Float16 or OnnxElementType.BFloat16)
            ? value.Cast(OnnxElementType.Float)
            : value;
        return into.Builder.Node("ScatterElements", [Wide(into), indices, Wide(updates)],
            OnnxAttribute.Of("axis", axis), OnnxAttribute.Of("reduction", reduction))[0].Cast(into.ElementType);
    }

    /// <summary>Adds numbers into zeros shaped as <paramref name="like"/>, at indices of its flat elements.</summary>
    public static Value ScatterFlat(Value like, Value indices, Value updates) => ScatterFlat(like, indices, updates, "add");

    /// <summary>Puts numbers into zeros shaped as <paramref name="like"/>, at indices of its flat elements of which no two are
    /// equal.</summary>
    public static Value PutFlat(Value like, Value indices, Value updates) => ScatterFlat(like, indices, updates, "none");

    private static Value ScatterFlat(Value like, Value indices, Value updates, string reduction)
    {
        var zeros = like.Builder.Op("Expand", updates.Like(0), like.Apply("Size").Reshape(1));
        return Scatter(zeros, indices.Reshape(-1), updates.Reshape(-1), 0, reduction).ReshapeLike(like);
    }

    /// <summary>
    /// The gradient of an operator that only moves elements of its first input, whatever its other inputs say:
    /// it moves their numbers too, which tells where every element came from.
    /// </summary>
    public static Value Traced(RuleContext n)
    {
        var numbers = Positions(n.X.Apply("Size").Reshape(1)).ReshapeLike(n.X);
        var others = Enumerable.Range(1, n.Count - 1).Select(i => n.Has(i) && !n.Input(i).ElementType.IsFloat() ? n.Input(i) : null);
        var sources = n.Builder.Node(n.Node.OpType, [numbers, .. others], 1, [.. n.Node.Attributes.Values])[0];
        return ScatterFlat(n.X, sources, n.dY);
    }

    /// <summary>0, 1, ... up to but not including a number given as a vector of one element.</summary>
    public static Value Positions(Value count)
    {
        var (zero, one) = (count.Builder.Integers(0).Reshape([]), count.Builder.Integers(1).Reshape([]));
        return count.Builder.Op("Range", zero, count.Reshape([]), one);
    }

    private static Func<Value>[] Slice(RuleContext n)
    {
        var ranges = SliceRange.Read(n.Shapes, n.X.Rank);
        if (ranges is not null && Array.TrueForAll(ranges, r => r.Step == 1))
        {
            var pads = new long[2 * n.X.Rank];
            if (Array.TrueForAll(ranges, r => Margins(n.X.Shape![r.Axis], r, pads)))
                return [() => n.dY.Pad(pads)];
        }

        return [() => Scattered(n)];
    }

    /// <summary>How many zeros stand before and behind what was taken; false where that depends on a free size.</summary>
    private static bool Margins(Dim size, SliceRange range, long[] pads)
    {
        var rank = pads.Length / 2;
        if (size.Size is { } n)
        {
            var start = Math.Clamp(range.Start < 0 ? range.Start + n : range.Start, 0, n);
            var end = Math.Clamp(range.End < 0 ? range.End + n : range.End, 0, n);
            (pads[range.Axis], pads[range.Axis + rank]) = (start, n - Math.Max(start, end));
            return end >= start;
        }

        if (range.Start < 0 || (range.End >= 0 && range.End < int.MaxValue / 2))
            return false;
        (pads[range.Axis], pads[range.Axis + rank]) = (range.Start, range.End < 0 ? -range.End : 0);
        return true;
    }

    /// <summary>The general case: slices the positions alongside, then puts every element back at its position, axis by axis.</summary>
    private static Value Scattered(RuleContext n)
    {
        if (n.Shapes.Shape(1)?[0].Size is not { } count || (n.Has(3) && n.Input(3).Facts.Integers is null))
            return Traced(n);
        var axes = n.Has(3) ? n.Input(3).Facts.Integers! : [.. Enumerable.Range(0, (int)count).Select(a => (long)a)];
        var gradient = n.dY;
        for (var i = 0; i < count; i++)
        {
            var axis = n.Axis(axes[i], n.X.Rank);
            Value Of(int input) => n.Input(input).Cast(OnnxElementType.Int64).Slice(0, i, i + 1);
            var positions = Positions(n.X.Size(axis));
            var taken = n.Builder.Op("Slice", [positions, Of(1), Of(2), n.Builder.Integers(0), .. n.Has(4) ? new[] { Of(4) } : []]);
            var shape = Enumerable.Range(0, n.X.Rank).Select(d => d == axis ? n.X.Size(d) : gradient.Size(d)).ToArray();
            var zeros = n.Builder.Op("Expand", gradient.Like(0), n.Builder.Node("Concat", shape, OnnxAttribute.Of("axis", 0))[0]);
            gradient = ScatterAdd(zeros, taken, gradient, axis);
        }

        return gradient;
    }

    private static Func<Value>[] Gather(RuleContext n)
    {
        return
        [
            () =>
            {
                var axis = n.Axis(n.Node.GetInt("axis", 0), n.X.Rank);
                var indices = n.Input(1).Cast(OnnxElementType.Int64);
                if (n.X.Shape![axis].Size is { } size && indices.Facts.Integers is { } known && IsRun(known, size, out var start))
                {
                    var pads = new long[2 * n.X.Rank];
                    (pads[axis], pads[axis + n.X.Rank]) = (start, size - start - known.Length);
                    return (indices.Rank == 1 ? n.dY : Merged(n, axis)).Pad(pads);
                }

                // Negative indices count from the end.
                var positive = indices.Facts.Integers?.All(i => i >= 0) == true ? indices
                    : n.Builder.Op("Where", n.Builder.Op("Less", indices, n.Builder.Integers(0).Reshape([])),
                        indices + n.X.Size(axis).Reshape([]), indices);
                return ScatterAdd(n.X, positive.Flat(), indices.Rank == 1 ? n.dY : Merged(n, axis), axis);
            },
        ];
    }

    /// <summary>dY with the axes that came from the indices merged into one.</summary>
    private static Value Merged(RuleContext n, int axis)
    {
        if (n.Input(1).Rank == 0)
            return n.dY.Unsqueeze(axis);
        var count = n.Input(1).Apply("Size").Reshape(1);
        var sizes = Enumerable.Range(0, n.X.Rank).Select(d => d == axis ? count : n.X.Size(d)).ToArray();
        return n.dY.ReshapeTo(n.Builder.Node("Concat", sizes, OnnxAttribute.Of("axis", 0))[0]);
    }

    private static bool IsRun(long[] indices, long size, out long start)
    {
        start = indices.Length == 0 ? 0 : indices[0] < 0 ? indices[0] + size : indices[0];
        for (var i = 0; i < indices.Length; i++)
        {
            if ((indices[i] < 0 ? indices[i] + size : indices[i]) != start + i)
                return false;
        }

        return indices.Length > 0;
    }

    /// <summary>The two values are what stands at the chosen places and what stands elsewhere.</summary>
    private static Func<Value>?[] OneHot(RuleContext n) =>
    [
        null,
        null,
        () =>
        {
            var marks = n.Builder.Node(
                "OneHot", [n.X, n.Input(1), n.Builder.Constant(OnnxTensor.FromDoubles("", n.Input(2).ElementType, [2], [0, 1]))],
                OnnxAttribute.Of("axis", n.Node.GetInt("axis", -1)))[0];
            var on = (n.dY * marks).Flat().Sum([0]);
            return n.Builder.Node("Concat", [n.dY.Flat().Sum([0]) - on, on], OnnxAttribute.Of("axis", 0))[0];
        },
    ];

    /// <summary>Y_i = start + i * delta; the limit only decides how many there are.</summary>
    private static Func<Value>?[] Range(RuleContext n) =>
    [
        () => n.dY.Sum([0], keep: false),
        null,
        () => (n.dY * Positions(n.Y.Size(0)).Cast(n.Y.ElementType)).Sum([0], keep: false),
    ];
}
