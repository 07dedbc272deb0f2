namespace DiffeoNN.Onnx.Gradients;

/// <content>Attention, spectra and determinants.</content>
internal static partial class ShapeInference
{
    internal static ValueFacts[] Determinant(InferenceContext n) =>
        One(n.Type(0), n.Shape(0) is [.. var batch, _, _] ? batch : null);

    internal static ValueFacts[] Attention(InferenceContext n)
    {
        Dim[]? Heads(int input, string attribute)
        {
            if (n.Shape(input) is [var batch, var positions, var features] && n.Node.GetInt(attribute, 0) is > 0 and var heads)
                return [batch, heads, positions, Dim.FloorDivide(features, heads)];
            return n.Shape(input) is { Length: 4 } shape ? shape : null;
        }

        Dim[]? Joined(int past, Dim[]? now) => now is null ? null : !n.Has(past) ? now
            : [now[0], now[1], n.Shape(past) is { Length: 4 } before ? before[2] + now[2] : n.Unknown(2, past - 3), now[3]];
        var (queries, keys, values) = (Heads(0, "q_num_heads"), Joined(4, Heads(1, "kv_num_heads")), Joined(5, Heads(2, "kv_num_heads")));
        Dim[]? result = queries is null || values is null ? null : n.Shape(0)!.Length == 3
            ? [queries[0], queries[2], queries[1] * values[3]] : [queries[0], queries[1], queries[2], values[3]];
        Dim[]? scores = queries is null || keys is null ? null : [queries[0], queries[1], queries[2], keys[2]];
        return [new(n.Type(0), result), new(n.Type(1), keys), new(n.Type(2), values), new(n.Type(0), scores)];
    }

    /// <summary>
    /// The transformed axis gets the length asked for, or of a real signal half of it and one; a real signal comes from twice the bins
    /// but two. The last axis holds real and imaginary parts.
    /// </summary>
    internal static ValueFacts[] Spectrum(InferenceContext n)
    {
        if (n.Shape(0) is not { Length: > 1 } shape)
            return One(n.Type(0), null);
        var (inverse, onesided) = (n.Node.GetInt("inverse", 0) != 0, n.Node.GetInt("onesided", 0) != 0);
        Dim parts = inverse && onesided ? 1 : 2;
        // By default it is axis 1 before version 20 and the last but one from then on.
        long? given = n.Node.Attributes.TryGetValue("axis", out var attribute) ? attribute.Int
            : n.Has(2) ? n.Facts(2).Integers is [var known] ? known : null : shape.Length == 3 ? 1 : null;
        if (given is null)
            return One(n.Type(0), [.. n.UnknownShape(shape.Length - 1), parts]);
        var axis = n.Axis(given.Value, shape.Length);
        var length = n.Has(1)
            ? n.Items(1) is [{ Integer: { } size }] ? size : n.Unknown(axis)
            : inverse && onesided ? (shape[axis] - 1) * 2 : shape[axis];
        Dim[] result = [.. shape[..^1], parts];
        result[axis] = onesided && !inverse ? Dim.FloorDivide(length, 2) + 1 : length;
        return One(n.Type(0), result);
    }

    internal static ValueFacts[] Spectrogram(InferenceContext n)
    {
        var length = n.Items(3) is [{ Integer: { } given }] ? given : n.Shape(2) is [var window] ? window : null;
        var bins = length is null ? n.Unknown(2) : n.Node.GetInt("onesided", 1) != 0 ? Dim.FloorDivide(length, 2) + 1 : length;
        var frames = length is not null && n.Shape(0) is [_, var signal, ..] && n.Items(1) is [{ Integer: { IsConstant: true } step }]
            ? Dim.FloorDivide(signal - length, step) + 1 : n.Unknown(1);
        return One(n.Type(0), [n.Shape(0)?[0] ?? n.Unknown(0), frames, bins, 2]);
    }
}
