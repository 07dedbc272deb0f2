namespace DiffeoNN.Onnx.Gradients;

/// <summary>Name, element type and shape of a graph's input, output or intermediate value.</summary>
/// <param name="Name">The value's name.</param>
/// <param name="ElementType">Its element type; undefined where the model does not say or the value is no tensor.</param>
/// <param name="Shape">Its dimensions; null where not even their number is known.</param>
public sealed record OnnxValueInfo(string Name, OnnxElementType ElementType, IReadOnlyList<OnnxDimension>? Shape)
{
    /// <summary>What the value is, for people; may be empty.</summary>
    public string DocString { get; init; } = "";

    /// <summary>The type of a value that is no tensor (sequence, optional), kept as it was read.</summary>
    internal Proto.TypeProto? OtherType { get; init; }

    /// <summary>For example 'image' float32 [N,1,128,128].</summary>
    public override string ToString() =>
        $"'{Name}' {TypeName(ElementType)} {(Shape is null ? "of unknown shape" : $"[{string.Join(',', Shape)}]")}";

    private static string TypeName(OnnxElementType type) => type switch
    {
        OnnxElementType.Float => "float32",
        OnnxElementType.Double => "float64",
        OnnxElementType.Undefined => "of unknown type",
        _ => type.ToString().ToLowerInvariant(),
    };
}
