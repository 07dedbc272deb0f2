using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <content>The result: the best iterates at full resolution, certified, and used or refused.</content>
internal sealed partial class CanonicalisationRun
{
    /// <summary>Rebuilds the best iterates with their inverses and measures, repairs maps that fail their certificate, and puts the identity in place
    /// of what is refused.</summary>
    public CanonicalisationResult Finish(CancellationToken cancellationToken)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var maps = _clock.Measure(Stage.Diagnostics, () =>
        {
            var velocity = Velocity(_bestLattices, _allStarts);
            return new CertifiedMaps(velocity, [.. ScalingAndSquaring.FastestSpeeds(velocity).Select(SquaringsOf)], _acceptance);
        });
        if (maps.Repaired.Count > 0)
            MeasureAgain(maps, cancellationToken);
        Refusal?[] refusals = [.. _states.Select((state, i) => _acceptance.Judge(state.InputEnergy, state.Best.Energy, maps.Diagnostics[i]))];
        var (velocity, u, inverse, canonical) = _clock.Measure(Stage.Diagnostics, () => Returned(maps, refusals));
        string[] names = [.. _energy.TermNames, "smoothness", "orientation"];
        return new CanonicalisationResult(
            canonical.DetachFromDisposeScope(), velocity.DetachFromDisposeScope(),
            u.DetachFromDisposeScope(), inverse.DetachFromDisposeScope(),
            [.. _states.Select((state, i) => state.ToResult(names, maps.Squarings[i], maps.Diagnostics[i], maps.Scales[i], refusals[i]))],
            _clock.Times());
    }

    private (torch.Tensor Velocity, torch.Tensor U, torch.Tensor Inverse, torch.Tensor Canonical) Returned(CertifiedMaps maps, Refusal?[] refusals)
    {
        var (velocity, u, inverse) = (maps.Velocity, maps.Displacement, maps.Inverse);
        if (refusals.All(refusal => refusal is null))
            return (velocity, u, inverse, Warp.Apply(_allImages, u, _options.Padding));
        var used = torch.tensor(refusals.Select(refusal => refusal is null).ToArray(), device: u.device).view(-1, 1, 1, 1);
        // Selection, not multiplication: what is refused may hold values that are no numbers.
        torch.Tensor OrZero(torch.Tensor field) => torch.where(used, field, torch.zeros_like(field));
        (velocity, u, inverse) = (OrZero(velocity), OrZero(u), OrZero(inverse));
        return (velocity, u, inverse, torch.where(used, Warp.Apply(_allImages, u, _options.Padding), _allImages));
    }

    // Rare: a repaired map is another one than the iterate whose energies are known.
    private void MeasureAgain(CertifiedMaps maps, CancellationToken cancellationToken)
    {
        using var scope = torch.NewDisposeScope();
        var rows = Index([.. maps.Repaired.Select(image => (long)image)]);
        var u = maps.Displacement.index_select(0, rows);
        var images = Warp.Apply(_allImages.index_select(0, rows), u, _options.Padding);
        using var evaluation = _clock.Measure(Stage.EnergyGradient, () => _energy.Evaluate(images, false, cancellationToken));
        var terms = torch.cat([evaluation.Energy.view(-1, 1), evaluation.Terms, Regularisers.Orientation(u).view(-1, 1)], 1);
        var columns = (int)terms.size(1);
        var values = terms.cpu().data<float>().ToArray();
        for (var row = 0; row < maps.Repaired.Count; row++)
        {
            var image = maps.Repaired[row];
            var numbers = values.AsSpan(row * columns, columns);
            // A velocity made smaller, proposal and all, deviates by as much less from the smaller proposal.
            var smoothness = _states[image].Best.Terms[^2] * maps.Scales[image] * maps.Scales[image];
            double[] own = [.. numbers[1..^1].ToArray().Select(value => (double)value), smoothness, numbers[^1]];
            var total = numbers[0] + (_options.SmoothnessWeight * smoothness) + (_options.OrientationWeight * numbers[^1]);
            _states[image].Repair(new IterateEnergy(numbers[0], own, total));
        }
    }
}
