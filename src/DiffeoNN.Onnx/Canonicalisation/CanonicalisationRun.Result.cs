using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <content>The result: the best iterates at full resolution.</content>
internal sealed partial class CanonicalisationRun
{
    /// <inheritdoc/>
    public CanonicalisationResult Finish(CancellationToken cancellationToken)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var maps = _clock.Measure(Stage.Diagnostics, () =>
        {
            var velocity = Velocity(_bestLattices, _allStarts);
            return new CertifiedMaps(velocity, [.. ScalingAndSquaring.FastestSpeeds(velocity).Select(SquaringsOf)], _acceptance);
        });
        return new SearchOutcome(_energy, _options, _allImages, _states, _clock).Of(maps, null, cancellationToken);
    }
}
