using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>The velocities that <see cref="MultiStartOptions"/> stand for.</summary>
internal static class MultiStarts
{
    /// <summary>Every scale with every rotation of the proposal, or of the identity; tensors join the caller's dispose scope.</summary>
    /// <param name="options">Rotations and scales.</param>
    /// <param name="grid">The image's.</param>
    /// <param name="proposal">Shape (N, 2, h, w); null for the identity.</param>
    public static List<torch.Tensor> Of(MultiStartOptions options, SamplingGrid grid, torch.Tensor? proposal)
    {
        var starts = new List<torch.Tensor>();
        foreach (var scale in options.Scales)
        {
            foreach (var rotation in options.Rotations)
            {
                starts.Add(proposal is null
                    ? RigidStarts.Velocity(grid, rotation, scale)
                    : proposal.Plus(
                        RigidStarts.Velocity(grid, rotation, scale, (int)proposal.size(2), (int)proposal.size(3)).to(proposal.device)));
            }
        }

        return starts;
    }
}
