using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>A graph that takes batches of images.</summary>
/// <param name="Name">As rows name it.</param>
/// <param name="Model">The graph.</param>
/// <param name="Inputs">Draws its inputs for a batch.</param>
internal sealed record NamedGraph(string Name, OnnxModel Model, Func<int, Random, IReadOnlyList<OnnxTensor>> Inputs);
