namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>What a sample finds outside an axis.</summary>
internal enum OutsideRule
{
    /// <summary>Zeros.</summary>
    Zeros,

    /// <summary>The nearest element.</summary>
    Border,

    /// <summary>The axis mirrored at the outer edges of its first and last element, which appear twice.</summary>
    MirroredEdges,

    /// <summary>The axis mirrored at the centres of its first and last element, which appear once.</summary>
    MirroredCentres,
}

/// <summary>An element of one axis that samples read.</summary>
/// <param name="Index">Its index for every sample, int64, inside the axis.</param>
/// <param name="Weight">Its part in the sample; null for 1.</param>
/// <param name="Slope">Derivative of the weight with respect to the sample's position; null for 0.</param>
internal sealed record Tap(Value Index, Value? Weight, Value? Slope)
{
    /// <summary>Coefficient of the cubic filter.</summary>
    private const double Alpha = -0.75;

    /// <summary>The elements that samples at the given positions read.</summary>
    /// <param name="position">Positions along the axis, in elements from the first one's centre.</param>
    /// <param name="size">The axis' size, a scalar.</param>
    /// <param name="mode">nearest (ties to even), linear or cubic.</param>
    /// <param name="outside">What lies outside.</param>
    public static Tap[] Of(Value position, Value size, string mode, OutsideRule outside)
    {
        if (mode == "nearest")
            return [Placed(position.Apply("Round"), 0, null, null, size, outside)];
        var low = position.Apply("Floor");
        var t = position - low;
        var one = position.Like(1);
        if (mode == "linear")
            return [Placed(low, 0, 1 - t, -one, size, outside), Placed(low, 1, t, one, size, outside)];
        var s = 1 - t;
        return
        [
            Placed(low, -1, Far(t + 1), FarSlope(t + 1), size, outside),
            Placed(low, 0, Near(t), NearSlope(t), size, outside),
            Placed(low, 1, Near(s), -NearSlope(s), size, outside),
            Placed(low, 2, Far(s + 1), -FarSlope(s + 1), size, outside),
        ];
    }

    private static Value Near(Value d) => (((d * (Alpha + 2)) - (Alpha + 3)) * d * d) + 1;

    private static Value NearSlope(Value d) => ((d * (3 * (Alpha + 2))) - (2 * (Alpha + 3))) * d;

    private static Value Far(Value d) => ((((d - 5) * d) + 8) * d * Alpha) - (4 * Alpha);

    private static Value FarSlope(Value d) => ((((d * 3) - 10) * d) + 8) * Alpha;

    private static Tap Placed(Value low, int offset, Value? weight, Value? slope, Value size, OutsideRule outside)
    {
        var builder = low.Builder;
        var index = low.Cast(OnnxElementType.Int64) + offset;
        if (outside is OutsideRule.MirroredEdges or OutsideRule.MirroredCentres)
        {
            // Forth and back is one period; an axis of one element mirrors onto itself.
            var shared = outside == OutsideRule.MirroredEdges ? 0 : 1;
            var period = builder.Op("Max", (size - shared) * 2, size.Like(1));
            var place = builder.Op("Mod", index, period);
            return new Tap(builder.Op("Min", place, period - (1 - shared) - place), weight, slope);
        }

        var inside = builder.Op("Min", builder.Op("Max", index, index.Like(0)), size - 1);
        if (outside == OutsideRule.Border)
            return new Tap(inside, weight, slope);
        var there = builder.Op("Equal", index, inside).AsNumber(low);
        return new Tap(inside, weight is null ? there : weight * there, slope is null ? null : there * slope);
    }
}
