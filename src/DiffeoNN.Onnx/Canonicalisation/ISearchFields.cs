using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>What computes the fields of searches.</summary>
internal interface ISearchFields
{
    /// <summary>What steps searches.</summary>
    /// <param name="apart">Whether the bits of a search must not depend on which others are stepped with it. Each then is of one image,
    /// and on the CPU all of it but the energy is computed on one core of its own.</param>
    /// <returns>The caller disposes it after its searches.</returns>
    ISearchStepper Stepper(bool apart);

    /// <summary>The images that velocities lead to.</summary>
    /// <param name="options">Squarings and padding.</param>
    /// <param name="images">(N, C, H, W), float32.</param>
    /// <param name="velocity">(N, 2, h, w) on a lattice of any size, carried to the pixels linearly.</param>
    /// <param name="cancellationToken">Ends it within one run of a graph.</param>
    /// <returns>Shape of the images; the caller disposes it.</returns>
    torch.Tensor Warp(SearchSpec options, torch.Tensor images, torch.Tensor velocity, CancellationToken cancellationToken);
}
