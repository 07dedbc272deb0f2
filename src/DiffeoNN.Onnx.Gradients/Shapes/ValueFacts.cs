namespace DiffeoNN.Onnx.Gradients;

/// <summary>What is known about a value while a graph is compiled.</summary>
/// <param name="ElementType">Its element type; undefined where not known.</param>
/// <param name="Shape">Its shape; null where not even the rank is known.</param>
public sealed record ValueFacts(OnnxElementType ElementType, Dim[]? Shape)
{
    /// <summary>Nothing is known.</summary>
    public static ValueFacts None { get; } = new(OnnxElementType.Undefined, null);

    /// <summary>The value itself where it is constant.</summary>
    public OnnxTensor? Constant { get; init; }

    /// <summary>The elements of a small tensor, integers possibly symbolic; null where not known.</summary>
    internal Item[]? Items { get; init; }

    /// <summary>The sizes where all are known; null otherwise.</summary>
    public long[]? Sizes =>
        Shape is not null && Array.TrueForAll(Shape, d => d.IsConstant) ? Array.ConvertAll(Shape, d => d.Constant) : null;

    /// <summary>The elements of an integer vector where all numbers are known; null otherwise.</summary>
    public long[]? Integers => Items is { } items && Array.TrueForAll(items, i => i.Integer is { IsConstant: true })
        ? Array.ConvertAll(items, i => i.Integer!.Constant) : null;

    /// <summary>Constants of more bytes stay as they are: nothing is computed from them while the graph is compiled,
    /// so they need not be read.</summary>
    private const long LargestConstant = 1L << 28;

    /// <summary>Facts about a constant.</summary>
    internal static ValueFacts Of(OnnxTensor tensor) => new(tensor.ElementType, [.. tensor.Dimensions.Select(d => (Dim)d)])
    {
        Constant = tensor.ByteLength <= LargestConstant ? tensor : null,
        Items = tensor.Count > ConstantEvaluator.Limit ? null : Item.Read(tensor),
    };

    /// <summary>Facts that a declaration in the model gives.</summary>
    internal static ValueFacts Of(OnnxValueInfo value)
    {
        if (value.Shape is null)
            return new ValueFacts(value.ElementType, null);
        var symbols = value.Shape.Select(d => d.Symbol).OfType<string>().GroupBy(s => s).ToDictionary(g => g.Key, g => g.Count());
        Dim Read(OnnxDimension dimension, int axis) => dimension.Size is { } size ? size
            // '?', '-1' and symbols that one shape repeats are what exporters write for 'unknown': they promise no equality.
            : dimension.Symbol is { } symbol && symbols[symbol] == 1 && (char.IsLetter(symbol[0]) || symbol[0] == '_') ? Dim.Symbol(symbol)
            : Dim.Symbol($"{value.Name}.{axis}");
        return new ValueFacts(value.ElementType, [.. value.Shape.Select(Read)]);
    }
}
