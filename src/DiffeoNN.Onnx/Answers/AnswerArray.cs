namespace DiffeoNN.Onnx.Answers;

/// <summary>Part of an answer as an array of float32.</summary>
/// <param name="Name">What it holds, such as <c>probabilities</c>.</param>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Parts">Its values, last dimension fastest, in parts that are made one after another.</param>
public sealed record AnswerArray(string Name, IReadOnlyList<long> Shape, IEnumerable<float[]> Parts);
