using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Inference;

/// <summary>The canonicaliser's options as bundle and caller ask for them.</summary>
internal static class CanonicaliserSettings
{
    /// <summary>The caller's word first, then, where the search starts at the proposal, the bundle's <c>refinement</c>, then what the bundle says
    /// of any search, then the defaults.</summary>
    public static CanonicaliserOptions From(Bundle bundle, EquivariantOptions options, bool fromProposal)
    {
        var optimiser = bundle.Optimiser;
        var refinement = fromProposal ? optimiser.Refinement : null;
        var acceptance = bundle.Manifest.Acceptance;
        var defaults = new CanonicaliserOptions();
        var settings = new CanonicaliserOptions
        {
            Field = optimiser.Field switch
            {
                null => defaults.Field,
                "siren" => FieldKind.Siren,
                "lattice" => FieldKind.ControlLattice,
                var other => throw new BundleException($"Bundle '{bundle.Name}' asks for field '{other}'; expected siren or lattice."),
            },
            Lattice = refinement?.Lattice ?? optimiser.Lattice ?? defaults.Lattice,
            Steps = options.Steps ?? refinement?.Steps ?? optimiser.Steps ?? defaults.Steps,
            LearningRate = refinement?.LearningRate ?? optimiser.LearningRate ?? defaults.LearningRate,
            MinimumSquarings = optimiser.Squarings ?? defaults.MinimumSquarings,
            Tolerance = refinement?.Tolerance ?? optimiser.Tolerance ?? defaults.Tolerance,
            Patience = refinement?.Patience ?? optimiser.Patience ?? defaults.Patience,
            SmoothnessWeight = refinement?.Smoothness ?? bundle.EnergyWeights.Smoothness,
            OrientationWeight = refinement?.Orientation ?? bundle.EnergyWeights.Orientation,
            Padding = bundle.Image.Padding == ImagePadding.Border ? WarpPadding.Border : WarpPadding.Zeros,
            Accept = options.Accept,
            CanonicalBelow = acceptance?.CanonicalBelow,
            MinimumDecrease = acceptance?.MinimumDecrease ?? defaults.MinimumDecrease,
            MaximumInverseResidual = acceptance?.InverseResidual ?? defaults.MaximumInverseResidual,
            TimeBudget = options.TimeBudget,
            Seed = options.Seed,
        };
        return options.Configure?.Invoke(settings) ?? settings;
    }

    /// <summary>Where searches start: the caller's word first, then the bundle's, then the proposal where there is one. Never
    /// <see cref="StartPoint.Auto"/>.</summary>
    /// <exception cref="BundleException">The proposal is asked for, and the bundle has no proposer.</exception>
    public static StartPoint Start(Bundle bundle, EquivariantOptions options)
    {
        var hasProposer = bundle.Has(BundleRole.Proposer);
        var start = options.Start != StartPoint.Auto ? options.Start : bundle.Optimiser.Start switch
        {
            "zero" => StartPoint.Identity,
            "proposer" => StartPoint.Proposer,
            "multi" => StartPoint.Multi,
            _ => hasProposer ? StartPoint.Proposer : StartPoint.Identity,
        };
        return start == StartPoint.Proposer && !hasProposer
            ? throw new BundleException($"Bundle '{bundle.Name}' has no proposer to start from; start at the identity, or add the role proposer.")
            : start;
    }
}
