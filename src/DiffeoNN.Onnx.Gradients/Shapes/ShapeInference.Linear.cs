namespace DiffeoNN.Onnx.Gradients;

/// <content>Products and reductions.</content>
internal static partial class ShapeInference
{
    internal static ValueFacts[] Reduction(InferenceContext n) => One(n.Type(0), Reduced(n));

    internal static ValueFacts[] ArgExtreme(InferenceContext n) => One(OnnxElementType.Int64, ReducedOver(n, [n.Node.GetInt("axis", 0)]));

    internal static ValueFacts[] MatMul(InferenceContext n) => One(n.Type(0), MatMul(n.Shape(0), n.Shape(1)));

    internal static ValueFacts[] MatMulInteger(InferenceContext n) => One(OnnxElementType.Int32, MatMul(n.Shape(0), n.Shape(1)));

    internal static ValueFacts[] Contraction(InferenceContext n) => One(n.Type(0), Einsum.Parse(n)?.OutputShape(n));

    /// <summary>Y [T, directions, N, H], Y_h and Y_c [directions, N, H]; the batch N comes first with layout 1.</summary>
    internal static ValueFacts[] Recurrent(InferenceContext n)
    {
        Dim Hidden() => n.Node.GetInt("hidden_size", 0) is > 0 and var size ? size : n.Shape(2) is [_, _, var last] ? last : n.Unknown(3);
        Dim directions = n.Node.GetString("direction", "forward").Equals("bidirectional", StringComparison.OrdinalIgnoreCase) ? 2 : 1;
        var (first, second) = n.Shape(0) is [var a, var b, _] ? (a, b) : (n.Unknown(0), n.Unknown(1));
        var batchFirst = n.Node.GetInt("layout", 0) != 0;
        Dim[] all = batchFirst ? [first, second, directions, Hidden()] : [first, directions, second, Hidden()];
        Dim[] last = batchFirst ? [first, directions, Hidden()] : [directions, second, Hidden()];
        return [new(n.Type(0), all), new(n.Type(0), last), new(n.Type(0), last)];
    }

    private static Dim[]? Reduced(InferenceContext n)
    {
        var axes = n.IntegersOf("axes", 1);
        if (axes is not null && (axes.Length > 0 || n.Node.GetInt("noop_with_empty_axes", 0) == 1))
            return ReducedOver(n, axes);
        if (n.Has(1) && axes is null)
            return n.Node.GetInt("keepdims", 1) == 1 && n.Shape(0) is { } kept ? n.UnknownShape(kept.Length) : null;
        if (n.Node.GetInt("noop_with_empty_axes", 0) == 1)
            return n.Shape(0);
        return n.Shape(0) is { } shape
            ? ReducedOver(n, [.. Enumerable.Range(0, shape.Length).Select(a => (long)a)])
            : n.Node.GetInt("keepdims", 1) == 0 ? [] : null;
    }

    private static Dim[]? ReducedOver(InferenceContext n, long[] axes)
    {
        if (n.Shape(0) is not { } shape)
            return null;
        var gone = axes.Select(a => n.Axis(a, shape.Length)).ToHashSet();
        return n.Node.GetInt("keepdims", 1) == 1
            ? [.. shape.Select((d, i) => gone.Contains(i) ? Dim.One : d)]
            : [.. shape.Where((_, i) => !gone.Contains(i))];
    }

    internal static ValueFacts[] TopK(InferenceContext n)
    {
        var shape = (Dim[]?)n.Shape(0)?.Clone();
        if (shape is not null)
        {
            var axis = n.Axis(n.Node.GetInt("axis", -1), shape.Length);
            shape[axis] = n.Node.Attributes.TryGetValue("k", out var k)
                ? k.Int
                : n.Items(1) is [{ Integer: { } items }] ? items : n.Unknown(axis);
        }

        return [new ValueFacts(n.Type(0), shape), new ValueFacts(OnnxElementType.Int64, shape)];
    }

    internal static Dim[]? MatMul(Dim[]? a, Dim[]? b)
    {
        if (a is null || b is null || a.Length == 0 || b.Length == 0)
            return null;
        Dim[] rows = a.Length == 1 ? [] : [a[^2]];
        Dim[] columns = b.Length == 1 ? [] : [b[^1]];
        return [.. Broadcast(a[..Math.Max(0, a.Length - 2)], b[..Math.Max(0, b.Length - 2)])!, .. rows, .. columns];
    }

    internal static ValueFacts[] Gemm(InferenceContext n)
    {
        var rows = n.Shape(0) is [var a0, var a1] ? n.Node.GetInt("transA", 0) != 0 ? a1 : a0 : n.Unknown(0);
        var columns = n.Shape(1) is [var b0, var b1] ? n.Node.GetInt("transB", 0) != 0 ? b0 : b1 : n.Unknown(1);
        return One(n.Type(0), [rows, columns]);
    }
}
