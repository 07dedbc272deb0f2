using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>One of several starts.</summary>
/// <param name="Velocity">For all images (N, 2, h, w), or the same for each (1, 2, h, w).</param>
/// <param name="Options">How the search from there goes on.</param>
internal sealed record SearchStart(torch.Tensor Velocity, SearchSpec Options);
