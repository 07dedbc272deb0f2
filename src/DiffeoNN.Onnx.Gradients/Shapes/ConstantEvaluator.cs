namespace DiffeoNN.Onnx.Gradients;

/// <summary>
/// Evaluates operators on small tensors whose elements are known, as numbers or as formulas of dimensions, so that
/// the shape arithmetic that exporters write vanishes or stays readable to shape inference.
/// </summary>
internal static partial class ConstantEvaluator
{
    /// <summary>Tensors with more elements are not evaluated.</summary>
    public const int Limit = 16384;

    /// <summary>The elements of a node's first output; null where they are not known.</summary>
    /// <param name="node">The node and what is known about its inputs.</param>
    /// <param name="output">What is known about its output.</param>
    /// <param name="folding">How the operator is evaluated.</param>
    public static Item[]? Evaluate(InferenceContext node, ValueFacts output, Folding folding)
    {
        if (output.Sizes is not { } sizes)
            return null;
        if (sizes.Aggregate(1.0, (a, b) => a * b) is var count && count > Limit)
            return null;
        var items = folding(node, sizes);
        return items is not null && items.Length == (int)count
            && Array.TrueForAll(items, i => i.Integer is not null || !output.ElementType.IsInteger())
            ? Rounded(items, output.ElementType) : null;
    }

    /// <summary>Real numbers are rounded to their type after every step, as the runtime does.</summary>
    internal static Item[] Rounded(Item[] items, OnnxElementType type) => type switch
    {
        OnnxElementType.Float => Array.ConvertAll(items, i => i.Integer is null ? (double)(float)i.Real : i),
        OnnxElementType.Float16 => Array.ConvertAll(items, i => i.Integer is null ? (double)(Half)i.Real : i),
        OnnxElementType.BFloat16 => Array.ConvertAll(items, i => i.Integer is null ? BFloat16.ToDouble(BFloat16.FromDouble(i.Real)) : i),
        _ => items,
    };

    internal static Item[]? Cast(InferenceContext n, long[] sizes)
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

    internal static Item[]? Shape(InferenceContext n, long[] sizes)
    {
        if (n.Shape(0) is not { } shape)
            return null;
        var rank = shape.Length;
        int Clamp(long index) => (int)Math.Clamp(index < 0 ? index + rank : index, 0, rank);
        var start = Clamp(n.Node.GetInt("start", 0));
        return [.. shape.Take(Clamp(n.Node.GetInt("end", rank))).Skip(start).Select(d => (Item)d)];
    }

    internal static Item Fill(InferenceContext n) =>
        n.Node.Attributes.TryGetValue("value", out var value) && Item.Read(value.Tensor) is [var item] ? item : 0.0;

    internal static Item[] Filled(Item item, long[] sizes)
    {
        var result = new Item[sizes.Aggregate(1L, (a, b) => a * b)];
        Array.Fill(result, item);
        return result;
    }

    internal static Item[]? Range(InferenceContext n, long[] sizes)
    {
        if (n.Items(0) is not [var start] || n.Items(2) is not [var step])
            return null;
        return [.. Enumerable.Range(0, (int)sizes[0]).Select(k => start.Integer is { } first && step.Integer is { } delta
            ? first + (delta * k) : (Item)(start.Real + (step.Real * k)))];
    }

    internal static Dim? Quotient(Dim a, Dim b) =>
        // Integer division rounds towards zero; dimensions are not negative.
        a.IsConstant && b.IsConstant ? b.Constant == 0 ? null : a.Constant / b.Constant
        : b is { IsConstant: true, Constant: <= 0 } ? null : Dim.FloorDivide(a, b);

    internal static Dim? Remainder(Dim a, Dim b) =>
        a.IsConstant && b.IsConstant && b.Constant > 0 && a.Constant >= 0 ? a.Constant % b.Constant
        : !(a.IsConstant && b.IsConstant) && Dim.DivideExactly(a, b) is not null ? 0 : null;

    internal static Dim? Extreme(Dim a, Dim b, int sign) => (a - b) is { IsConstant: true } difference
        ? Math.Sign(difference.Constant) == sign ? a : b : null;

    internal static Dim? Same(Dim a, Dim b) =>
        a.Equals(b) ? 1 : a.SurelyDiffers(b) ? 0
        // A size is never the -1 that exporters write for 'as it is'.
        : (a is { IsConstant: true, Constant: < 0 } && !b.IsConstant) || (b is { IsConstant: true, Constant: < 0 } && !a.IsConstant) ? 0
        : null;
}
