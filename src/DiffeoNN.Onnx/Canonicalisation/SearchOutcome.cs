using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Turns the best iterates of a search into its result: maps certified, and used or refused.</summary>
/// <param name="energy">Measures repaired maps anew.</param>
/// <param name="options">The limits.</param>
/// <param name="images">The batch as it was given.</param>
/// <param name="states">One an image.</param>
/// <param name="clock">What time is accounted to.</param>
internal sealed class SearchOutcome(
    IEnergy energy, SearchSpec options, torch.Tensor images, ImageState[] states, StageClock clock)
{
    private readonly Acceptance _acceptance = new(options);
    private readonly EnergyReading _reading = new(energy.TermNames, options);

    /// <summary>Repaired maps get their energies, and the identity takes the place of what is refused.</summary>
    /// <param name="maps">Maps of the best iterates.</param>
    /// <param name="canonical">The images that these lead to where they are known already; those of repaired maps are made anew.</param>
    /// <param name="cancellationToken">Ends it within one run of the energy.</param>
    /// <returns>Its tensors belong to nobody's scope.</returns>
    public CanonicalisationResult Of(CertifiedMaps maps, torch.Tensor? canonical, CancellationToken cancellationToken)
    {
        if (maps.Repaired.Count > 0)
        {
            MeasureAgain(maps, cancellationToken);
            canonical = null;
        }

        Refusal?[] refusals =
            [.. states.Select((state, i) => _acceptance.Judge(state.InputEnergy, state.JudgedEnergy, maps.Diagnostics[i]))];
        var (velocity, u, inverse, result) = clock.Measure(
            Stage.Diagnostics, () => Returned(maps, refusals, canonical ?? Warp.Apply(images, maps.Displacement, options.Padding)));
        string[] names = [.. energy.TermNames, "smoothness", "orientation"];
        return new CanonicalisationResult(
            result.DetachFromDisposeScope(), velocity.DetachFromDisposeScope(),
            u.DetachFromDisposeScope(), inverse.DetachFromDisposeScope(),
            [.. states.Select((state, i) => state.ToResult(names, maps.Squarings[i], maps.Diagnostics[i], maps.Scales[i], refusals[i]))],
            clock.Times());
    }

    private (torch.Tensor Velocity, torch.Tensor U, torch.Tensor Inverse, torch.Tensor Canonical) Returned(
        CertifiedMaps maps, Refusal?[] refusals, torch.Tensor canonical)
    {
        var (velocity, u, inverse) = (maps.Velocity, maps.Displacement, maps.Inverse);
        if (refusals.All(refusal => refusal is null))
            return (velocity, u, inverse, canonical);
        var used = torch.tensor(refusals.Select(refusal => refusal is null).ToArray(), device: u.device).view(-1, 1, 1, 1);
        // Selection, not multiplication: what is refused may hold values that are no numbers.
        torch.Tensor OrZero(torch.Tensor field) => torch.where(used, field, torch.zeros_like(field));
        return (OrZero(velocity), OrZero(u), OrZero(inverse), torch.where(used, canonical, images));
    }

    // Rare: a repaired map is another one than the iterate whose energies are known.
    private void MeasureAgain(CertifiedMaps maps, CancellationToken cancellationToken)
    {
        using var scope = torch.NewDisposeScope();
        var rows = torch.tensor(maps.Repaired.Select(image => (long)image).ToArray(), device: images.device);
        var u = maps.Displacement.index_select(0, rows);
        var warped = Warp.Apply(images.index_select(0, rows), u, options.Padding);
        using var evaluation = clock.Measure(Stage.EnergyGradient, () => energy.Evaluate(warped, false, cancellationToken));
        var terms = torch.cat([evaluation.Energy.view(-1, 1), evaluation.Terms, Regularisers.Orientation(u).view(-1, 1)], 1);
        var columns = (int)terms.size(1);
        var values = terms.cpu().data<float>().ToArray();
        for (var row = 0; row < maps.Repaired.Count; row++)
        {
            var image = maps.Repaired[row];
            var numbers = values.AsSpan(row * columns, columns);
            // A velocity made smaller, proposal and all, deviates by as much less from the smaller proposal.
            var smoothness = states[image].Best.Terms[^2] * maps.Scales[image] * maps.Scales[image];
            states[image].Repair(_reading.Iterate(numbers[..^1], smoothness, numbers[^1]));
        }
    }
}
