using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Type and shape of an output, as a file declares it or as a run gave it.</summary>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Dimensions, the batch first; null where one is free.</param>
internal sealed record TensorForm(OnnxElementType Type, IReadOnlyList<long?> Shape)
{
    /// <summary>Whether elements are class numbers.</summary>
    public bool IsInteger => Type is OnnxElementType.Int64 or OnnxElementType.Int32 or OnnxElementType.Int16 or OnnxElementType.Int8
        or OnnxElementType.UInt8 or OnnxElementType.Bool;

    /// <summary>Whether elements are real numbers.</summary>
    public bool IsReal => Type is OnnxElementType.Float or OnnxElementType.Float16 or OnnxElementType.Double or OnnxElementType.BFloat16;

    /// <summary>What is wrong with the type where real numbers are needed; null if nothing is.</summary>
    public string? NotReal => IsReal ? null : "must be float32, float16 or float64.";

    /// <summary>Whether a dimension is free or has a size.</summary>
    public bool Is(int axis, long size) => Shape[axis] is not { } found || found == size;
}
