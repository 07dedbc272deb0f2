using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Fields by libtorch, gradients by its own differentiation.</summary>
/// <param name="energy">What is minimised.</param>
/// <param name="refining">What is minimised by searches that another energy judges; null for the same.</param>
internal sealed class TorchFields(IEnergy energy, IEnergy? refining = null) : ISearchFields
{
    /// <inheritdoc/>
    public ISearchStepper Stepper(bool apart) => new TorchStepper(energy, apart, refining);

    /// <inheritdoc/>
    public torch.Tensor Warp(SearchSpec options, torch.Tensor images, torch.Tensor velocity, CancellationToken cancellationToken)
    {
        using var scope = torch.NewDisposeScope();
        var full = LatticeUpsampling.Resample(velocity, SamplingGrid.Of(images));
        int[] squarings = [.. ScalingAndSquaring.FastestSpeeds(full).Select(speed => CanonicalisationRun.SquaringsOf(speed, options))];
        return Fields.Warp.Apply(images, ScalingAndSquaring.Exp(full, squarings), options.Padding).MoveToOuterDisposeScope();
    }
}
