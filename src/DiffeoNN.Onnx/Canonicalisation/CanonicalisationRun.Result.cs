using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <content>The result: the best iterates at full resolution.</content>
internal sealed partial class CanonicalisationRun
{
    /// <summary>Rebuilds the best iterates with their inverses and measures, repairs maps that fail their certificate, and puts the
    /// identity in place of what is refused.</summary>
    /// <param name="energies">Is held while an energy is evaluated, which not all can do for two threads at once.</param>
    /// <param name="cancellationToken">Ends it within one run of the energy.</param>
    /// <returns>Its tensors belong to nobody's scope.</returns>
    public CanonicalisationResult Finish(Lock energies, CancellationToken cancellationToken)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var maps = _clock.Measure(Stage.Diagnostics, () =>
        {
            var velocity = Velocity(_bestLattices, _allStarts);
            return new CertifiedMaps(velocity, [.. ScalingAndSquaring.FastestSpeeds(velocity).Select(SquaringsOf)], _acceptance);
        });
        return new SearchOutcome(new OneAtATime(Energy, energies), _options, _allImages, _states, _clock).Of(maps, null, cancellationToken);
    }

    private sealed class OneAtATime(IEnergy energy, Lock turn) : IEnergy
    {
        public IReadOnlyList<string> TermNames => energy.TermNames;

        public EnergyEvaluation Evaluate(torch.Tensor images, bool withGradient, CancellationToken cancellationToken)
        {
            lock (turn)
                return energy.Evaluate(images, withGradient, cancellationToken);
        }
    }
}
