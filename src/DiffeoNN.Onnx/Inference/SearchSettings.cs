using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Inference;

/// <summary>What bundle, preset and caller together ask of a search: the caller's word first, then the preset's or the bundle's, then the
/// defaults.</summary>
/// <param name="Weights">Of the energy's terms; smoothness and orientation are in the options.</param>
/// <param name="FromIdentity">How a search from the identity goes on.</param>
/// <param name="FromProposal">How a search from the proposal goes on: what <c>refinement</c> says counts more than the bundle's other
/// settings.</param>
/// <param name="Start">Where searches start; never <see cref="StartPoint.Auto"/>.</param>
internal sealed record SearchSettings(
    EnergyWeights Weights, CanonicaliserOptions FromIdentity, CanonicaliserOptions FromProposal, StartPoint Start)
{
    /// <summary>How often the proposer is asked.</summary>
    public int Passes { get; private init; } = 1;

    /// <summary>Whether answers are averaged over the maps of all passes and of the search.</summary>
    public bool Average { get; private init; }

    /// <summary>Brings them together.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The caller asks for less than one pass.</exception>
    /// <exception cref="BundleException">The bundle lacks what is asked for.</exception>
    public static SearchSettings Of(Bundle bundle, EquivariantOptions options)
    {
        var optimiser = options.Preset == SearchPreset.Bundle ? bundle.Optimiser : new OptimiserSettings();
        var passes = options.Passes ?? optimiser.Passes ?? 1;
        ArgumentOutOfRangeException.ThrowIfLessThan(passes, 1, nameof(EquivariantOptions.Passes));
        return Searches(bundle, options) with { Passes = passes, Average = options.Average ?? optimiser.Average ?? false };
    }

    private static SearchSettings Searches(Bundle bundle, EquivariantOptions options)
    {
        var start = StartOf(bundle, options);
        if (options.Preset == SearchPreset.Published)
        {
            if (!bundle.Has(BundleRole.Vae) && !bundle.Has(BundleRole.Critic))
                throw new BundleException(
                    $"Bundle '{bundle.Name}' has neither a VAE nor a critic, whose energies the published recipe minimises.");
            var published = WithCaller(PublishedSettings.Search, options);
            return new SearchSettings(PublishedSettings.Weights, published, published, start);
        }

        return new SearchSettings(
            bundle.EnergyWeights, WithCaller(OfBundle(bundle, null), options),
            WithCaller(OfBundle(bundle, bundle.Optimiser.Refinement), options), start);
    }

    private static CanonicaliserOptions OfBundle(Bundle bundle, RefinementSettings? refinement)
    {
        var (optimiser, weights, acceptance) = (bundle.Optimiser, bundle.EnergyWeights, AcceptanceSettings.Of(bundle.Manifest.Acceptance));
        var defaults = new CanonicaliserOptions();
        return new CanonicaliserOptions
        {
            Field = optimiser.Field switch
            {
                null => defaults.Field,
                "siren" => FieldKind.Siren,
                "lattice" => FieldKind.ControlLattice,
                var other => throw new BundleException($"Bundle '{bundle.Name}' asks for field '{other}'; expected siren or lattice."),
            },
            Lattice = refinement?.Lattice ?? optimiser.Lattice ?? defaults.Lattice,
            Steps = refinement?.Steps ?? optimiser.Steps ?? defaults.Steps,
            LearningRate = refinement?.LearningRate ?? optimiser.LearningRate ?? defaults.LearningRate,
            MinimumSquarings = optimiser.Squarings ?? defaults.MinimumSquarings,
            Tolerance = refinement?.Tolerance ?? optimiser.Tolerance ?? defaults.Tolerance,
            Patience = refinement?.Patience ?? optimiser.Patience ?? defaults.Patience,
            SmoothnessWeight = refinement?.Smoothness ?? weights.Smoothness,
            OrientationWeight = refinement?.Orientation ?? weights.Orientation,
            Padding = bundle.Image.Padding == ImagePadding.Border ? WarpPadding.Border : WarpPadding.Zeros,
            CanonicalBelow = acceptance.CanonicalBelow,
            MinimumDecrease = acceptance.MinimumDecrease ?? defaults.MinimumDecrease,
            MaximumInverseResidual = acceptance.InverseResidual ?? defaults.MaximumInverseResidual,
        };
    }

    private static CanonicaliserOptions WithCaller(CanonicaliserOptions settings, EquivariantOptions options)
    {
        var asked = settings with
        {
            Steps = options.Steps ?? settings.Steps,
            Accept = options.Accept ?? settings.Accept,
            TimeBudget = options.TimeBudget,
            Seed = options.Seed,
        };
        return options.Configure?.Invoke(asked) ?? asked;
    }

    private static StartPoint StartOf(Bundle bundle, EquivariantOptions options)
    {
        var hasProposer = bundle.Has(BundleRole.Proposer);
        var start = (options.Start, options.Preset, bundle.Optimiser.Start) switch
        {
            (not StartPoint.Auto, _, _) => options.Start,
            (_, SearchPreset.Published, _) => StartPoint.Identity,
            (_, _, "zero") => StartPoint.Identity,
            (_, _, "proposer") => StartPoint.Proposer,
            (_, _, "multi") => StartPoint.Multi,
            _ => hasProposer ? StartPoint.Proposer : StartPoint.Identity,
        };
        return start == StartPoint.Proposer && !hasProposer
            ? throw new BundleException(
                $"Bundle '{bundle.Name}' has no proposer to start from; start at the identity, or add the role proposer.")
            : start;
    }
}
