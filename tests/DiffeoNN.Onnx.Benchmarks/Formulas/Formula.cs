using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Benchmarks.Formulas;

/// <summary>A gradient that can be written in several ways.</summary>
/// <param name="Name">What is differentiated.</param>
/// <param name="Chosen">The way that the compiler takes.</param>
/// <param name="Model">That way as a graph.</param>
/// <param name="Others">Other ways.</param>
internal sealed record Formula(string Name, string Chosen, OnnxModel Model, params (string Name, OnnxModel Model)[] Others);
