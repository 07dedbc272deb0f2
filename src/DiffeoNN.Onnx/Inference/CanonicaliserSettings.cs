using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Inference;

/// <summary>The canonicaliser's options as bundle and caller ask for them.</summary>
internal static class CanonicaliserSettings
{
    /// <summary>The caller's word first, then the bundle's, then the defaults.</summary>
    public static CanonicaliserOptions From(Bundle bundle, EquivariantOptions options)
    {
        var optimiser = bundle.Optimiser;
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
            Lattice = optimiser.Lattice ?? defaults.Lattice,
            Steps = options.Steps ?? optimiser.Steps ?? defaults.Steps,
            LearningRate = optimiser.LearningRate ?? defaults.LearningRate,
            MinimumSquarings = optimiser.Squarings ?? defaults.MinimumSquarings,
            Tolerance = optimiser.Tolerance ?? defaults.Tolerance,
            Patience = optimiser.Patience ?? defaults.Patience,
            SmoothnessWeight = bundle.EnergyWeights.Smoothness,
            OrientationWeight = bundle.EnergyWeights.Orientation,
            Padding = bundle.Image.Padding == ImagePadding.Border ? WarpPadding.Border : WarpPadding.Zeros,
            TimeBudget = options.TimeBudget,
            Seed = options.Seed,
        };
        return options.Configure?.Invoke(settings) ?? settings;
    }
}
