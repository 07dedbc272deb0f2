using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>Which starts <see cref="StartPoint.Multi"/> tries; change with <c>with</c>.</summary>
public sealed record MultiStartOptions
{
    /// <summary>Rotations in degrees, positive anticlockwise.</summary>
    public IReadOnlyList<double> Rotations { get; init; } = [0, -15, 15, -30, 30];

    /// <summary>Scales, positive; above 1 enlarges what the image shows.</summary>
    public IReadOnlyList<double> Scales { get; init; } = [1, 1.15, 0.87];

    /// <summary>How many starts an image are refined, at least 1.</summary>
    public int Refined { get; init; } = 2;

    /// <summary>Every scale with every rotation of the proposal, or of the identity; tensors join the caller's dispose scope.</summary>
    /// <param name="grid">The image's.</param>
    /// <param name="proposal">Shape (N, 2, h, w); null for the identity.</param>
    /// <exception cref="ArgumentException">There is no rotation or no scale.</exception>
    internal List<torch.Tensor> Starts(SamplingGrid grid, torch.Tensor? proposal)
    {
        if (Rotations.Count == 0 || Scales.Count == 0)
            throw new ArgumentException("A multi start needs at least one rotation and one scale.");
        var starts = new List<torch.Tensor>();
        foreach (var scale in Scales)
        {
            foreach (var rotation in Rotations)
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
