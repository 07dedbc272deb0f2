using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>The output of one module of the network that was exported.</summary>
/// <param name="Index">Its place in the order in which modules ran.</param>
/// <param name="Path">The module's path, such as "down.0.conv".</param>
/// <param name="Type">Its class.</param>
/// <param name="Value">The value of the ONNX graph that holds the same; null where the exporter left none.</param>
/// <param name="Output">What it gave.</param>
internal sealed record ReferenceModule(int Index, string Path, string Type, string? Value, OnnxTensor Output);
