using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>What <see cref="PosteriorMean.Apply"/> made.</summary>
/// <param name="Model">The deterministic model; the given one itself where nothing was random.</param>
/// <param name="Replaced">The nodes that were replaced, as messages name them.</param>
public sealed record PosteriorMeanResult(OnnxModel Model, IReadOnlyList<string> Replaced);
