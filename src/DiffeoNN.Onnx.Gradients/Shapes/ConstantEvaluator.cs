namespace DiffeoNN.Onnx.Gradients;

/// <summary>
/// Evaluates operators on small tensors whose elements are known, as numbers or as formulas of dimensions, so that
/// the shape arithmetic that exporters write vanishes or stays readable to shape inference.
/// </summary>
internal static partial class ConstantEvaluator
{
    /// <summary>Tensors with more elements are not evaluated.</summary>
    public const int Limit = 16384;

    private delegate Item[]? Evaluation(InferenceContext node, long[] sizes);

    private static readonly Dictionary<string, Evaluation> Table = new(StringComparer.Ordinal)
    {
        ["Identity"] = (n, _) => n.Items(0),
        ["Reshape"] = (n, _) => n.Items(0),
        ["Flatten"] = (n, _) => n.Items(0),
        ["Squeeze"] = (n, _) => n.Items(0),
        ["Unsqueeze"] = (n, _) => n.Items(0),
        ["Cast"] = Cast,
        ["Shape"] = Shape,
        ["Size"] = (n, _) => n.Shape(0) is { } shape ? [shape.Aggregate(Dim.One, (a, b) => a * b)] : null,
        ["ConstantOfShape"] = (n, sizes) => Filled(Fill(n), sizes),
        ["Concat"] = Concat,
        ["Gather"] = Gather,
        ["Slice"] = Slice,
        ["Transpose"] = Transpose,
        ["Expand"] = (n, sizes) => Broadcast(n, 0, sizes),
        ["Range"] = Range,
        ["Where"] = Where,
        ["ReduceProd"] = (n, sizes) => sizes.Length == 0 || sizes is [1] ? Fold(n, (a, b) => a * b, (a, b) => a * b) : null,
        ["ReduceSum"] = (n, sizes) => sizes.Length == 0 || sizes is [1] ? Fold(n, (a, b) => a + b, (a, b) => a + b) : null,
        ["Add"] = (n, s) => Binary(n, s, (a, b) => a + b, (a, b) => a + b),
        ["Sub"] = (n, s) => Binary(n, s, (a, b) => a - b, (a, b) => a - b),
        ["Mul"] = (n, s) => Binary(n, s, (a, b) => a * b, (a, b) => a * b),
        ["Div"] = (n, s) => Binary(n, s, Quotient, (a, b) => a / b),
        ["Mod"] = (n, s) => Binary(n, s, Remainder, null),
        ["Pow"] = (n, s) => Numbers(n, s, Math.Pow),
        ["Min"] = (n, s) => n.Count == 2 ? Binary(n, s, (a, b) => Extreme(a, b, -1), Math.Min) : null,
        ["Max"] = (n, s) => n.Count == 2 ? Binary(n, s, (a, b) => Extreme(a, b, 1), Math.Max) : null,
        ["Equal"] = (n, s) => Binary(n, s, (a, b) => Same(a, b), null) ?? Compare(n, s, (a, b) => a == b),
        ["Greater"] = (n, s) => Compare(n, s, (a, b) => a > b),
        ["Less"] = (n, s) => Compare(n, s, (a, b) => a < b),
        ["GreaterOrEqual"] = (n, s) => Compare(n, s, (a, b) => a >= b),
        ["LessOrEqual"] = (n, s) => Compare(n, s, (a, b) => a <= b),
        ["And"] = (n, s) => Compare(n, s, (a, b) => a != 0 && b != 0),
        ["Or"] = (n, s) => Compare(n, s, (a, b) => a != 0 || b != 0),
        ["Not"] = (n, s) => Compare(n, s, (a, _) => a == 0),
        ["Neg"] = (n, _) => Unary(n, a => 0 - a, a => -a),
        ["Abs"] = (n, _) => Unary(n, a => a.IsConstant ? Math.Abs(a.Constant) : null, Math.Abs),
        ["Floor"] = (n, _) => Unary(n, a => a, Math.Floor),
        ["Ceil"] = (n, _) => Unary(n, a => a, Math.Ceiling),
        ["Round"] = (n, _) => Unary(n, a => a, a => Math.Round(a, MidpointRounding.ToEven)),
        ["Sqrt"] = (n, _) => Unary(n, null, Math.Sqrt),
        ["Exp"] = (n, _) => Unary(n, null, Math.Exp),
        ["Log"] = (n, _) => Unary(n, null, Math.Log),
        ["Reciprocal"] = (n, _) => Unary(n, null, a => 1 / a),
    };

    /// <summary>The elements of a node's first output; null where they are not known.</summary>
    /// <param name="node">The node and what is known about its inputs.</param>
    /// <param name="output">What is known about its output.</param>
    public static Item[]? Evaluate(InferenceContext node, ValueFacts output)
    {
        if (output.Sizes is not { } sizes || !Table.TryGetValue(node.Node.OpType, out var evaluation))
            return null;
        if (sizes.Aggregate(1.0, (a, b) => a * b) is var count && count > Limit)
            return null;
        var items = evaluation(node, sizes);
        return items is not null && items.Length == (int)count
            && Array.TrueForAll(items, i => i.Integer is not null || !output.ElementType.IsInteger())
            ? Rounded(items, output.ElementType) : null;
    }

    /// <summary>Real numbers are rounded to their type after every step, as the runtime does.</summary>
    private static Item[] Rounded(Item[] items, OnnxElementType type) => type switch
    {
        OnnxElementType.Float => Array.ConvertAll(items, i => i.Integer is null ? (double)(float)i.Real : i),
        OnnxElementType.Float16 => Array.ConvertAll(items, i => i.Integer is null ? (double)(Half)i.Real : i),
        OnnxElementType.BFloat16 => Array.ConvertAll(items, i => i.Integer is null ? BFloat16.ToDouble(BFloat16.FromDouble(i.Real)) : i),
        _ => items,
    };

    private static Item[]? Cast(InferenceContext n, long[] sizes)
    {
        var to = (OnnxElementType)n.Node.GetInt("to", 0);
        if (n.Items(0) is not { } items)
            return null;
        if (to.IsFloat())
            return Array.TrueForAll(items, i => i.IsKnown) ? Array.ConvertAll(items, i => (Item)i.Number) : null;
        if (to == OnnxElementType.Bool)
            return Array.TrueForAll(items, i => i.IsKnown) ? Array.ConvertAll(items, i => (Item)(Dim)(i.Number != 0 ? 1 : 0)) : null;
        return to.IsInteger() && Array.TrueForAll(items, i => i.Integer is not null || Math.Abs(i.Real) < 1L << 53)
            ? Array.ConvertAll(items, i => i.Integer is { } integer ? integer : (Item)(Dim)(long)i.Real) : null;
    }

    private static Item[]? Shape(InferenceContext n, long[] sizes)
    {
        if (n.Shape(0) is not { } shape)
            return null;
        var rank = shape.Length;
        int Clamp(long index) => (int)Math.Clamp(index < 0 ? index + rank : index, 0, rank);
        var start = Clamp(n.Node.GetInt("start", 0));
        return [.. shape.Take(Clamp(n.Node.GetInt("end", rank))).Skip(start).Select(d => (Item)d)];
    }

    private static Item Fill(InferenceContext n) =>
        n.Node.Attributes.TryGetValue("value", out var value) && Item.Read(value.Tensor) is [var item] ? item : 0.0;

    private static Item[] Filled(Item item, long[] sizes)
    {
        var result = new Item[sizes.Aggregate(1L, (a, b) => a * b)];
        Array.Fill(result, item);
        return result;
    }

    private static Item[]? Range(InferenceContext n, long[] sizes)
    {
        if (n.Items(0) is not [var start] || n.Items(2) is not [var step])
            return null;
        return [.. Enumerable.Range(0, (int)sizes[0]).Select(k => start.Integer is { } first && step.Integer is { } delta
            ? first + (delta * k) : (Item)(start.Real + (step.Real * k)))];
    }

    private static Dim? Quotient(Dim a, Dim b) =>
        // Integer division rounds towards zero; dimensions are not negative.
        a.IsConstant && b.IsConstant ? b.Constant == 0 ? null : a.Constant / b.Constant
        : b is { IsConstant: true, Constant: <= 0 } ? null : Dim.FloorDivide(a, b);

    private static Dim? Remainder(Dim a, Dim b) =>
        a.IsConstant && b.IsConstant && b.Constant > 0 && a.Constant >= 0 ? a.Constant % b.Constant
        : !(a.IsConstant && b.IsConstant) && Dim.DivideExactly(a, b) is not null ? 0 : null;

    private static Dim? Extreme(Dim a, Dim b, int sign) => (a - b) is { IsConstant: true } difference
        ? Math.Sign(difference.Constant) == sign ? a : b : null;

    private static Dim? Same(Dim a, Dim b) =>
        a.Equals(b) ? 1 : a.SurelyDiffers(b) ? 0
        // A size is never the -1 that exporters write for 'as it is'.
        : (a is { IsConstant: true, Constant: < 0 } && !b.IsConstant) || (b is { IsConstant: true, Constant: < 0 } && !a.IsConstant) ? 0
        : null;
}
