using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>What computes the fields of searches.</summary>
internal interface ISearchFields
{
    /// <summary>Begins a search.</summary>
    /// <param name="options">How it searches.</param>
    /// <param name="images">(N, C, H, W), float32; stays the caller's.</param>
    /// <param name="start">Velocities (N, 2, h, w) on a lattice of any size, or null for the identity; stays the caller's.</param>
    ISearchRun Begin(SearchSpec options, torch.Tensor images, torch.Tensor? start);

    /// <summary>The images that velocities lead to.</summary>
    /// <param name="options">Squarings and padding.</param>
    /// <param name="images">(N, C, H, W), float32.</param>
    /// <param name="velocity">(N, 2, h, w) on a lattice of any size, carried to the pixels linearly.</param>
    /// <param name="cancellationToken">Ends it within one run of a graph.</param>
    /// <returns>Shape of the images; the caller disposes it.</returns>
    torch.Tensor Warp(SearchSpec options, torch.Tensor images, torch.Tensor velocity, CancellationToken cancellationToken);
}
