using System.Globalization;
using DiffeoNN.Onnx.Bundles;

namespace DiffeoNN.Onnx.Tuning;

/// <summary>The part of a manifest that tuning may change.</summary>
/// <param name="Energy">Weights of the energy.</param>
/// <param name="Optimiser">How images are searched.</param>
/// <param name="Acceptance">When a map is used; null for the defaults.</param>
public sealed record TunedSettings(EnergyWeights Energy, OptimiserSettings Optimiser, AcceptanceSettings? Acceptance)
{
    /// <summary>The settings of a manifest.</summary>
    /// <param name="manifest">The manifest.</param>
    public static TunedSettings Of(BundleManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        return new TunedSettings(manifest.Energy, manifest.Optimiser, manifest.Acceptance);
    }

    /// <summary>A manifest with these settings; all else stays.</summary>
    /// <param name="manifest">The manifest.</param>
    public BundleManifest ApplyTo(BundleManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        return manifest with { Energy = Energy, Optimiser = Optimiser, Acceptance = Acceptance };
    }

    /// <summary>What is different from other settings, by the manifest's names:
    /// <c>adversarial 600 -> 450, refinement.steps 15 -> 30</c>.</summary>
    /// <param name="from">The other settings.</param>
    /// <returns>Empty where nothing is.</returns>
    public string ChangesFrom(TunedSettings from)
    {
        ArgumentNullException.ThrowIfNull(from);
        var (before, after) = (from.Values(), Values());
        return string.Join(", ", before.Zip(after).Where(pair => !Equals(pair.First.Value, pair.Second.Value))
            .Select(pair => $"{pair.First.Name} {Text(pair.First.Value)} -> {Text(pair.Second.Value)}"));
    }

    private static string Text(double? value) => value?.ToString("G6", CultureInfo.InvariantCulture) ?? "none";

    private (string Name, double? Value)[] Values()
    {
        var refinement = Optimiser.Refinement ?? new RefinementSettings();
        var acceptance = Acceptance ?? new AcceptanceSettings();
        return
        [
            ("vae", Energy.Vae), ("beta", Energy.Beta), ("adversarial", Energy.Adversarial), ("energy", Energy.Energy),
            ("smoothness", Energy.Smoothness), ("steps", Optimiser.Steps), ("learningRate", Optimiser.LearningRate),
            ("lattice", Optimiser.Lattice),
            ("refinement.smoothness", refinement.Smoothness), ("refinement.steps", refinement.Steps),
            ("refinement.learningRate", refinement.LearningRate), ("refinement.lattice", refinement.Lattice),
            ("canonicalBelow", acceptance.CanonicalBelow), ("minimumDecrease", acceptance.MinimumDecrease),
        ];
    }
}
