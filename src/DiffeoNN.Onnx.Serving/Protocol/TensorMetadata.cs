namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>What a model says of an input or output.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">What its elements are.</param>
/// <param name="Shape">Its dimensions; -1 for one that is free.</param>
public sealed record TensorMetadata(string Name, DataType Type, IReadOnlyList<long> Shape)
{
    /// <summary>Names of the classes or values that it tells of, by their numbers; empty where they have none.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>As messages print it: <c>'image' FP32 [-1,1,64,64]</c>.</summary>
    public override string ToString() => $"'{Name}' {Type.Word()} {TensorShape.Text(Shape)}";
}
