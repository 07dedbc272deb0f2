namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>A gradient times a constant factor for each channel, as normalisations leave it:
/// what follows can often take the factors into its weights.</summary>
/// <param name="Value">The gradient without the factors.</param>
/// <param name="Factors">One for each channel.</param>
internal sealed record ChannelFactor(Value Value, double[] Factors)
{
    /// <summary>Takes a gradient apart.</summary>
    /// <returns>Null where it is no such product.</returns>
    public static ChannelFactor? Of(Value dY, long channels, OnnxElementType type)
    {
        var builder = dY.Builder;
        if (dY.KnownRank is not { } rank || builder.MakerOf(dY) is not { OpType: "Mul" } product)
            return null;
        var (value, factor) = (builder[product.Inputs[0]], builder[product.Inputs[1]]);
        if (factor.Facts.Constant is not { } constant || constant.ElementType != type || constant.Count != channels
            || value.KnownRank != rank)
            return null;
        var shape = constant.Dimensions.SkipWhile((d, i) => i == 0 && constant.Dimensions.Count == rank && d == 1).ToList();
        return shape.Count == rank - 1 && shape.Skip(1).All(d => d == 1) ? new ChannelFactor(value, constant.ToDoubleArray()) : null;
    }
}
