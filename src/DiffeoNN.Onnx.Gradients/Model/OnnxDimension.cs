using System.Globalization;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>One dimension of a declared shape: a size, a symbol, or neither (unknown).</summary>
public readonly record struct OnnxDimension
{
    /// <summary>The size; null where it is not fixed.</summary>
    public long? Size { get; private init; }

    /// <summary>The symbol, such as "N"; null where the size is fixed or nothing is known.</summary>
    public string? Symbol { get; private init; }

    /// <summary>A dimension that nothing is known about.</summary>
    public static OnnxDimension Unknown => default;

    /// <summary>A fixed dimension.</summary>
    /// <param name="size">Its size, at least 0.</param>
    public static OnnxDimension Of(long size) => new() { Size = size };

    /// <summary>A symbolic dimension.</summary>
    /// <param name="symbol">Its name; equal names mean equal sizes.</param>
    public static OnnxDimension Of(string symbol) => new() { Symbol = symbol };

    /// <summary>A fixed dimension.</summary>
    /// <param name="size">Its size, at least 0.</param>
    public static implicit operator OnnxDimension(long size) => Of(size);

    /// <summary>A symbolic dimension.</summary>
    /// <param name="symbol">Its name; equal names mean equal sizes.</param>
    public static implicit operator OnnxDimension(string symbol) => Of(symbol);

    /// <summary>The size, the symbol, or "?".</summary>
    public override string ToString() => Size?.ToString(CultureInfo.InvariantCulture) ?? Symbol ?? "?";

    /// <summary>Named form of the conversion from a size.</summary>
    /// <param name="size">Its size, at least 0.</param>
    public static OnnxDimension FromInt64(long size) => Of(size);

    /// <summary>Named form of the conversion from a symbol.</summary>
    /// <param name="symbol">Its name.</param>
    public static OnnxDimension FromString(string symbol) => Of(symbol);
}
