namespace DiffeoNN.Onnx.Gradients;

/// <summary>Conversions of the 16-bit float with the exponent of float32: its bits are the upper half of a float32.</summary>
internal static class BFloat16
{
    private const ushort NaN = 0x7FC0;

    public static double ToDouble(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>The nearest number, ties to even; beyond the largest, infinity.</summary>
    public static ushort FromDouble(double value)
    {
        if (double.IsNaN(value))
            return NaN;
        // Rounded once, from the double: by way of float32 a number just past the middle would become a tie.
        var single = (float)value;
        var bits = BitConverter.SingleToUInt32Bits(single);
        if (float.IsInfinity(single))
            return (ushort)(bits >> 16);
        var below = Math.Abs((double)single) > Math.Abs(value);
        var above = Math.Abs((double)single) < Math.Abs(value);
        var (upper, lower) = (bits >> 16, bits & 0xFFFF);
        var up = lower > 0x8000 || (lower == 0x8000 && (above || (!below && (upper & 1) != 0)));
        return (ushort)(up ? upper + 1 : upper);
    }
}
