namespace DiffeoNN.Onnx.Gradients;

/// <summary>Facts about element types.</summary>
public static class OnnxElementTypes
{
    /// <summary>Whether a derivative can flow through values of this type.</summary>
    /// <param name="type">The element type.</param>
    public static bool IsFloat(this OnnxElementType type) =>
        type is OnnxElementType.Float or OnnxElementType.Double or OnnxElementType.Float16 or OnnxElementType.BFloat16;

    /// <summary>Whether the type holds integers.</summary>
    /// <param name="type">The element type.</param>
    public static bool IsInteger(this OnnxElementType type) => type is OnnxElementType.UInt8 or OnnxElementType.Int8
        or OnnxElementType.UInt16 or OnnxElementType.Int16 or OnnxElementType.Int32 or OnnxElementType.Int64
        or OnnxElementType.UInt32 or OnnxElementType.UInt64;

    /// <summary>Bytes that <paramref name="count"/> elements take in a tensor's data;
    /// -1 where the size is not fixed or the type is unknown.</summary>
    /// <param name="type">The element type; 8-bit floats and packed 4-bit and 2-bit types are known by their numbers in the format.</param>
    /// <param name="count">Number of elements.</param>
    internal static long ByteCount(this OnnxElementType type, long count) => (int)type switch
    {
        2 or 3 or 9 or (>= 17 and <= 20) or 24 => count,
        4 or 5 or 10 or 16 => checked(count * 2),
        1 or 6 or 12 => checked(count * 4),
        7 or 11 or 13 or 14 => checked(count * 8),
        15 => checked(count * 16),
        21 or 22 or 23 => (count + 1) / 2,
        25 or 26 => (count + 3) / 4,
        _ => -1,
    };
}
