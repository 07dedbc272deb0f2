namespace DiffeoNN.Onnx.Client;

/// <summary>An input or output of a model.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Datatype">The protocol's word for its elements, as <c>FP32</c>.</param>
/// <param name="Shape">Its dimensions; -1 for any size.</param>
public sealed record TensorDescription(string Name, string Datatype, IReadOnlyList<int> Shape);
