namespace DiffeoNN.Onnx.Gradients;

/// <content>Operators that keep or broadcast shapes.</content>
internal static partial class ShapeInference
{
    /// <summary>Type and shape of the first input.</summary>
    internal static ValueFacts[] Same(InferenceContext n) => One(n.Type(0), n.Shape(0));

    /// <summary>Type of the first input, shape that all broadcast to.</summary>
    internal static ValueFacts[] Broadcasting(InferenceContext n) => One(n.Type(0), Broadcasted(n, 0));

    /// <summary>Truth values of the shape that all inputs broadcast to.</summary>
    internal static ValueFacts[] Comparing(InferenceContext n) => One(OnnxElementType.Bool, Broadcasted(n, 0));

    /// <summary>A truth value for each element.</summary>
    internal static ValueFacts[] Truths(InferenceContext n) => One(OnnxElementType.Bool, n.Shape(0));

    internal static ValueFacts[] Where(InferenceContext n) => One(n.Type(1), Broadcasted(n, 0));

    /// <summary>All that is known of the first input.</summary>
    internal static ValueFacts[] Unchanged(InferenceContext n) => [n.Facts(0)];

    internal static ValueFacts[] Cast(InferenceContext n) => One((OnnxElementType)n.Node.GetInt("to", 0), n.Shape(0));

    /// <summary>Shape of the first input, type of the second.</summary>
    internal static ValueFacts[] TypeOfSecond(InferenceContext n) => One(n.Type(1), n.Shape(0));

    internal static ValueFacts[] DequantizeLinear(InferenceContext n) => One(QuantisedType(n, n.Type(1)), n.Shape(0));

    internal static ValueFacts[] QuantizeLinear(InferenceContext n) =>
        One(QuantisedType(n, n.Has(2) ? n.Type(2) : OnnxElementType.UInt8), n.Shape(0));

    internal static ValueFacts[] DynamicQuantizeLinear(InferenceContext n) =>
        [new(OnnxElementType.UInt8, n.Shape(0)), new(OnnxElementType.Float, []), new(OnnxElementType.UInt8, [])];

    internal static ValueFacts[] WindowFunction(InferenceContext n) =>
        One((OnnxElementType)n.Node.GetInt("output_datatype", 1), [n.Items(0) is [{ Integer: { } size }] ? size : n.Unknown(0)]);

    internal static ValueFacts[] Dropout(InferenceContext n) =>
        [new(n.Type(0), n.Shape(0)), new(OnnxElementType.Bool, n.Shape(0))];

    internal static ValueFacts[] NonZero(InferenceContext n) =>
        One(OnnxElementType.Int64, [n.Shape(0) is { } shape ? (Dim)shape.Length : n.Unknown(0), n.Unknown(1)]);

    internal static IEnumerable<ValueFacts> BatchNormalization(InferenceContext n)
    {
        var statistics = new ValueFacts(n.Type(3), n.Shape(0) is [_, var channels, ..] ? [channels] : n.Shape(3));
        return [new ValueFacts(n.Type(0), n.Shape(0)), .. Enumerable.Repeat(statistics, 4)];
    }

    internal static ValueFacts[] LayerNormalization(InferenceContext n)
    {
        // The statistics are stored in the type that is named by its number in the format.
        var axis = n.Shape(0) is { } known ? n.Axis(n.Node.GetInt("axis", -1), known.Length) : 0;
        var statistics = new ValueFacts((OnnxElementType)n.Node.GetInt("stash_type", 1),
            n.Shape(0) is { } shape ? [.. shape.Select((d, i) => i < axis ? d : Dim.One)] : null);
        return [new ValueFacts(n.Type(0), n.Shape(0)), statistics, statistics];
    }

    internal static ValueFacts[] Loss(InferenceContext n) =>
        [new ValueFacts(n.Type(0), n.Node.GetString("reduction", "mean") == "none" ? n.Shape(1) : []),
            new ValueFacts(n.Type(0), n.Shape(0))];

    /// <summary>The type asked for; 0 asks for none.</summary>
    private static OnnxElementType QuantisedType(InferenceContext n, OnnxElementType fallback) =>
        n.Node.GetInt("output_dtype", 0) is > 0 and var type ? (OnnxElementType)type : fallback;

    private static Dim[]? Broadcasted(InferenceContext n, int from)
    {
        var shape = n.Shape(from);
        for (var i = from + 1; i < n.Count; i++)
            shape = Broadcast(shape, n.Shape(i));
        return shape;
    }
}
