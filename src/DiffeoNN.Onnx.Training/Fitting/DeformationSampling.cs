using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>How training images are deformed and varied.</summary>
public sealed record DeformationSampling
{
    /// <summary>Families that are never trained on, so that evaluation meets something new.</summary>
    public static IReadOnlyList<string> Unseen { get; } = ["svf", "twist"];

    /// <summary>Maps of each family in the pool that batches draw from: names of <see cref="Deformation.Names"/> but
    /// <see cref="Unseen"/>.</summary>
    public IReadOnlyDictionary<string, int> Families { get; init; } = new Dictionary<string, int> { ["tps-strong"] = 2000 };

    /// <summary>Least share of a map's displacement that an image gets.</summary>
    public double LowestStrength { get; init; }

    /// <summary>Largest share of a map's displacement that an image gets, at most 1, so that next to none folds.</summary>
    public double HighestStrength { get; init; } = 1;

    /// <summary>Share of the images that stay undeformed.</summary>
    public double Identity { get; init; } = 0.1;

    /// <summary>Whether maps are mirrored at random, along each axis and, where images are square, the diagonal: they stay in their family.
    /// Images are not mirrored.</summary>
    public bool Mirrors { get; init; } = true;

    /// <summary>What canonical images have where content left the frame. Deformed images are zero there, as
    /// <see cref="DeformationMap.Apply(Imaging.ImageBuffer, WarpPadding)"/> makes them.</summary>
    public WarpPadding Padding { get; init; } = WarpPadding.Border;

    /// <summary>How much brightness, contrast, gamma and noise vary: 0 for not at all, 1 for much.</summary>
    public double Intensity { get; init; } = 0.5;

    /// <summary>Share of the images that are blurred, as resampling blurs.</summary>
    public double Blur { get; init; }

    /// <summary>Of the maps.</summary>
    public ulong Seed { get; init; } = 1;

    internal void Check()
    {
        RecipeChecks.Expect(nameof(LowestStrength), LowestStrength, LowestStrength >= 0 && LowestStrength <= HighestStrength,
                $"a number from 0 to {nameof(HighestStrength)} ({HighestStrength})");
        RecipeChecks.Expect(nameof(HighestStrength), HighestStrength, HighestStrength is >= 0 and <= 1, "a number in [0, 1]");
        RecipeChecks.Expect(nameof(Identity), Identity, Identity is >= 0 and <= 1, "a number in [0, 1]");
        RecipeChecks.Expect(nameof(Intensity), Intensity, Intensity is >= 0 and <= 2, "a number in [0, 2]");
        RecipeChecks.Expect(nameof(Blur), Blur, Blur is >= 0 and <= 1, "a number in [0, 1]");

        if (Families.Count == 0)
            throw new TrainingException($"{nameof(Families)} names no deformation; expected at least one.");
        foreach (var (family, maps) in Families)
        {
            if (Unseen.Contains(family, StringComparer.Ordinal))
                throw new TrainingException(
                    $"Deformation '{family}' is kept for evaluation, so that it meets maps that nothing was trained on. Train on "
                    + $"{string.Join(", ", Deformation.Names.Except(Unseen).Where(name => name != "none").Select(name => $"'{name}'"))}.");
            if (maps < 1)
                throw new TrainingException($"Deformation '{family}' has {maps} maps; expected at least one.");
        }
    }
}
