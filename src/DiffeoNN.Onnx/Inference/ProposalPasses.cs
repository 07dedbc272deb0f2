using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>Asks a bundle's proposer once or several times, each further time for what is left:
/// v_k+1 is the velocity of exp(v_k) after exp(d), d being the proposal for the image that exp(v_k) leads to.</summary>
/// <param name="bundle">Has a proposer.</param>
/// <param name="proposer">Its network; stays the caller's.</param>
/// <param name="fields">Carries images along proposals.</param>
/// <param name="passes">How often, at least 1.</param>
internal sealed class ProposalPasses(Bundle bundle, Network proposer, ISearchFields fields, int passes)
{
    /// <summary>The velocities after each pass, in order.</summary>
    /// <param name="images">Pixel values, shape (N, C, H, W).</param>
    /// <param name="settings">Squarings and padding of the maps between passes.</param>
    /// <param name="cancellationToken">Ends the run within one pass.</param>
    /// <returns>One a pass, each of the proposer's shape (N, 2, h, w); they join the caller's dispose scope.</returns>
    public List<torch.Tensor> Run(torch.Tensor images, SearchSpec settings, CancellationToken cancellationToken)
    {
        var grid = SamplingGrid.Of(images);
        List<torch.Tensor> velocities = [Propose(images, cancellationToken)];
        while (velocities.Count < passes)
        {
            using var scope = torch.NewDisposeScope();
            var v = velocities[^1];
            var left = Propose(fields.Warp(settings, images, v, cancellationToken), cancellationToken);
            velocities.Add(VelocityComposition.Compose(v, left, grid).MoveToOuterDisposeScope());
        }

        return velocities;
    }

    private torch.Tensor Propose(torch.Tensor images, CancellationToken cancellationToken) =>
        proposer.Run(images, bundle.Manifest.Models.Proposer!.Output, cancellationToken);
}
