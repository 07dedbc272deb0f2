namespace DiffeoNN.Onnx.Gradients;

/// <content>Convolutions, pooling and resampling.</content>
internal static partial class ShapeInference
{
    internal static ValueFacts[] GlobalPool(InferenceContext n) =>
        One(n.Type(0), n.Shape(0) is { Length: >= 2 } shape ? [shape[0], shape[1], .. shape.Skip(2).Select(_ => Dim.One)] : null);

    internal static ValueFacts[] MaxUnpool(InferenceContext n) => One(n.Type(0), n.Has(2) ? Requested(n, 2) : Unpooled(n));

    internal static ValueFacts[] GridSample(InferenceContext n) =>
        One(n.Type(0), n.Shape(0) is [var batch, var c, ..] && n.Shape(1) is [_, .. var outer, _] ? [batch, c, .. outer] : null);

    internal static ValueFacts[] RoiAlign(InferenceContext n) =>
        One(n.Type(0), Regions(n, [n.Node.GetInt("output_height", 1), n.Node.GetInt("output_width", 1)]));

    internal static ValueFacts[] MaxRoiPool(InferenceContext n) =>
        One(n.Type(0), n.Node.GetInts("pooled_shape") is { } pooled ? Regions(n, pooled) : null);

    internal static ValueFacts[] Conv(InferenceContext n)
    {
        if (n.Shape(0) is not [var batch, _, ..] || n.Shape(0) is not { } shape)
            return One(n.Type(0), n.Shape(1) is { } kernel ? [n.Unknown(0), kernel[0], .. n.UnknownShape(kernel.Length)[2..]] : null);
        var window = Window.Read(n.Node, shape, n.Shape(1));
        return One(n.Type(0), [batch, n.Shape(1) is { Length: > 0 } weights ? weights[0] : n.Unknown(1), .. Output(n, window, shape)]);
    }

    internal static ValueFacts[] Pool(InferenceContext n)
    {
        if (n.Shape(0) is not [var batch, var channels, ..] || n.Shape(0) is not { } shape)
            return [new ValueFacts(n.Type(0), null), new ValueFacts(OnnxElementType.Int64, null)];
        Dim[] result = [batch, channels, .. Output(n, Window.Read(n.Node, shape, null), shape)];
        return [new ValueFacts(n.Type(0), result), new ValueFacts(OnnxElementType.Int64, result)];
    }

    private static Dim[] Output(InferenceContext n, Window? window, Dim[] shape) =>
        window is null
            ? n.UnknownShape(shape.Length)[2..]
            : [.. Enumerable.Range(0, shape.Length - 2).Select(i => window.OutputSize(i, shape[i + 2]))];

    internal static ValueFacts[] ConvTranspose(InferenceContext n)
    {
        if (n.Shape(0) is not { Length: >= 3 } shape)
            return One(n.Type(0), n.Shape(1) is { } kernel ? n.UnknownShape(kernel.Length) : null);
        var channels = n.Shape(1) is { Length: >= 3 } weights ? weights[1] * n.Node.GetInt("group", 1) : n.Unknown(1);
        if (n.Node.GetInts("output_shape") is { } given)
            return One(n.Type(0), [shape[0], channels, .. given.TakeLast(shape.Length - 2).Select(s => (Dim)s)]);
        if (Window.Read(n.Node, shape, n.Shape(1)) is not { } window)
            return One(n.Type(0), [shape[0], channels, .. n.UnknownShape(shape.Length)[2..]]);
        var extra = n.Node.GetInts("output_padding");
        return One(n.Type(0), [shape[0], channels, .. Enumerable.Range(0, shape.Length - 2).Select(i =>
            ((shape[i + 2] - 1) * window.Strides[i]) + window.Extent(i) - window.Begin[i] - window.End[i]
                + (extra?.ElementAtOrDefault(i) ?? 0))]);
    }

    private static Dim[]? Unpooled(InferenceContext n) =>
        n.Shape(0) is { Length: > 2 } shape && Window.Read(n.Node, shape, null) is { } window
            ? [shape[0], shape[1], .. Enumerable.Range(0, window.Rank).Select(
                i => ((shape[i + 2] - 1) * window.Strides[i]) + (window.Kernel[i] - window.Begin[i] - window.End[i]))]
            : null;

    internal static ValueFacts[] AffineGrid(InferenceContext n) =>
        One(n.Type(0), Requested(n, 1) is [var batch, _, .. var spatial] ? [batch, .. spatial, spatial.Length] : null);

    private static Dim[] Regions(InferenceContext n, IEnumerable<long> pooled) =>
        [n.Shape(1)?[0] ?? n.Unknown(0), n.Shape(0)?[1] ?? n.Unknown(1), .. pooled.Select(s => (Dim)s)];

    internal static ValueFacts[] Resize(InferenceContext n)
    {
        if (n.Shape(0) is not { } shape)
            return One(n.Type(0), null);
        var old = n.Node.OpType == "Upsample" || n.Count == 2;
        var axes = n.Node.GetInts("axes")?.Select(a => n.Axis(a, shape.Length)).ToArray() ?? [.. Enumerable.Range(0, shape.Length)];
        var result = (Dim[])shape.Clone();
        if (!old && n.Has(3))
        {
            var sizes = Requested(n, 3);
            for (var i = 0; i < axes.Length; i++)
                result[axes[i]] = sizes is not null && sizes.Length == axes.Length ? sizes[i] : n.Unknown(axes[i]);
            return One(n.Type(0),
                n.Node.GetString("keep_aspect_ratio_policy", "stretch") == "stretch" ? result : n.UnknownShape(shape.Length));
        }

        var scales = n.Node.Attributes.TryGetValue("scales", out var attribute) ? [.. attribute.Floats.Select(f => (double)f)]
            : n.Items(old ? 1 : 2) is { } items && Array.TrueForAll(items, i => i.IsKnown) ? Array.ConvertAll(items, i => i.Number) : null;
        if (scales is null || scales.Length != axes.Length)
            return One(n.Type(0), n.UnknownShape(shape.Length));
        for (var i = 0; i < axes.Length; i++)
        {
            var size = shape[axes[i]];
            result[axes[i]] = scales[i] == 1 ? size
                : size.IsConstant ? (long)Math.Floor((float)size.Constant * (float)scales[i])
                : scales[i] == Math.Floor(scales[i]) ? size * (long)scales[i] : n.Unknown(axes[i]);
        }

        return One(n.Type(0), result);
    }
}
