using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Answers;

/// <summary>The grids between which an answer is read.</summary>
/// <param name="Network">Of the image that the network sees, to which its coordinates and sizes refer.</param>
/// <param name="Canonical">Of the bundle's image, on which maps are; it shows the same.</param>
internal readonly record struct OutputGrids(SamplingGrid Network, SamplingGrid Canonical);
