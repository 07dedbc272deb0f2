namespace DiffeoNN.Onnx.Gradients;

/// <summary>One element of a small tensor: an integer (possibly symbolic; truth values are 0 and 1) or a real number.</summary>
/// <param name="Integer">The integer; null for a real number.</param>
/// <param name="Real">The real number; 0 for an integer.</param>
internal readonly record struct Item(Dim? Integer, double Real)
{
    public static implicit operator Item(Dim value) => new(value, 0);

    public static implicit operator Item(double value) => new(null, value);

    /// <summary>Whether the number is known.</summary>
    public bool IsKnown => Integer is null || Integer.IsConstant;

    /// <summary>The number, where it is known.</summary>
    public double Number => Integer?.Constant ?? Real;

    /// <summary>The elements of a numeric tensor; null for other types.</summary>
    public static Item[]? Read(OnnxTensor tensor) =>
        tensor.ElementType.IsFloat() ? Array.ConvertAll(tensor.ToDoubleArray(), v => (Item)v)
        : tensor.ElementType.IsInteger() || tensor.ElementType == OnnxElementType.Bool
            ? Array.ConvertAll(tensor.ToInt64Array(), v => (Item)(Dim)v)
        : null;

    /// <summary>The tensor of such elements; null where one is not known.</summary>
    public static OnnxTensor? ToTensor(Item[] items, OnnxElementType type, long[] sizes)
    {
        if (!Array.TrueForAll(items, i => i.IsKnown))
            return null;
        if (type == OnnxElementType.Int64)
            return OnnxTensor.Create<long>("", sizes, Array.ConvertAll(items, i => i.Integer?.Constant ?? (long)i.Real));
        return type.IsFloat() || type.IsInteger() || type == OnnxElementType.Bool
            ? OnnxTensor.FromDoubles("", type, sizes, Array.ConvertAll(items, i => i.Number)) : null;
    }
}
