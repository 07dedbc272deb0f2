namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>The axis of a Fourier transform, an attribute in old versions and an input in new ones,
/// which may be computed while the model runs.</summary>
internal sealed class TransformedAxis
{
    private readonly Value? _computed;

    private TransformedAxis(int? known, Value? computed) => (Known, _computed) = (known, computed);

    /// <summary>The axis, counted from 0; null where it is computed while the model runs.</summary>
    public int? Known { get; }

    public static TransformedAxis At(int axis) => new(axis, null);

    public static TransformedAxis Of(RuleContext n)
    {
        if (n.Builder.Opset < 20)
            return At(n.Axis(n.Node.GetInt("axis", 1), n.X.Rank));
        if (!n.Has(2))
            return At(n.X.Rank - 2);
        return n.Input(2).Facts.Integers is [var axis]
            ? At(n.Axis(axis, n.X.Rank))
            : new(null, n.Input(2).Cast(OnnxElementType.Int64).Reshape(1));
    }

    /// <summary>The size of this axis as a vector of one element.</summary>
    public Value SizeOf(Value x) => Known is { } axis ? x.Size(axis) : x.ShapeVector.Gather(_computed!);

    /// <summary>A transform of this axis, padded with zeros to a length where one is given.</summary>
    public Value Transform(Value x, Value? length, bool inverse, bool onesided)
    {
        OnnxAttribute[] attributes = [OnnxAttribute.Of("inverse", inverse ? 1 : 0), OnnxAttribute.Of("onesided", onesided ? 1 : 0)];
        var scalar = length?.Reshape([]);
        return x.Builder.Opset >= 20
            ? x.Builder.Node("DFT", [x, scalar, Vector(x).Reshape([])], 1, attributes)[0]
            : x.Builder.Node("DFT", [x, scalar], 1, [.. attributes, OnnxAttribute.Of("axis", Known!.Value)])[0];
    }

    /// <summary>Cuts this axis, or pads it with zeros, to the size it has in another value.</summary>
    public Value Fitted(Value x, Value like)
    {
        var builder = x.Builder;
        if (Known is { } axis && x.Shape![axis].Equals(like.Shape![axis]))
            return x;
        var cut = builder.Op("Slice", x, builder.Integers(0), SizeOf(like), Vector(x));
        if (Known is { } known && x.Shape![known].Size is { } from && like.Shape![known].Size is { } to && from > to)
            return cut;
        var missing = builder.Op("Sub", SizeOf(like), SizeOf(cut));
        return builder.Op("Pad", cut, builder.Op("Mul", missing, builder.Concat(0, builder.Integers(new long[x.Rank]), Marks(x))));
    }

    /// <summary>The shape of a vector along this axis.</summary>
    public Value Column(Value x) => x.Builder.Op("Sub", x.Builder.Integers(1), x.Builder.Op("Mul", Marks(x), x.Builder.Integers(2)));

    /// <summary>1 for this axis of a value, 0 for all others.</summary>
    private Value Marks(Value x)
    {
        var builder = x.Builder;
        var axis = Known is { } known ? builder.Integers(known) : builder.Op("Mod", _computed!, builder.Integers(x.Rank));
        return builder.Op("Equal", builder.Integers(x.Rank).Positions(), axis).Cast(OnnxElementType.Int64);
    }

    private Value Vector(Value x) => Known is { } axis ? x.Builder.Integers(axis) : _computed!;
}
