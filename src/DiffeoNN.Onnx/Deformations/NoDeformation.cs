using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Deformations;

/// <summary>The identity: u = 0.</summary>
public sealed class NoDeformation : Deformation
{
    /// <inheritdoc/>
    public override string Name => "none";

    /// <inheritdoc/>
    protected override double[] Propose(SamplingGrid grid, SplitMix64 random) => new double[2 * grid.Height * grid.Width];
}
