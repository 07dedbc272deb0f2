using System.Globalization;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Training.Fitting;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>How a bundle is fitted.</summary>
public sealed record FitOptions
{
    /// <summary>How long it may take, from reading the images to the verdict; a usable bundle stands after about a quarter of it.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromMinutes(20);

    /// <summary>Of everything that is drawn: weights at the start, batches, maps, the images that are held out.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Device and cores.</summary>
    public ExecutionOptions Execution { get; init; } = new();

    /// <summary>How training images are deformed and varied.</summary>
    public DeformationSampling Sampling { get; init; } = new();

    /// <summary>Families of deformations that settings are chosen on, besides undeformed images; the last one says whether the bundle
    /// helps.</summary>
    public IReadOnlyList<string> Families { get; init; } = ["tps", "tps-strong"];

    /// <summary>A family that nothing is trained or chosen on, which the verdict tells of.</summary>
    public string Unseen { get; init; } = "twist";

    /// <summary>Share of the images that are held out for validation, where the data has no such split of its own.</summary>
    public double ValidationShare { get; init; } = 0.15;

    /// <summary>Longest side of the images that canonicalisation works on; null for the network's own, at most
    /// <see cref="LongestUsual"/>. The network sees its own size in any case.</summary>
    public int? LongestSide { get; init; }

    /// <summary>Most multiplications of the proposer for one image; null for what suits the image's size.</summary>
    public double? ProposerMultiplyAdds { get; init; }

    /// <summary>Whether the proposer learns from the network's answers, too.</summary>
    public bool UsesTask { get; init; } = true;

    /// <summary>The steps to take, such as those of an earlier fit, which then gives the same bits; null to choose by the time.</summary>
    public FitPlan? Plan { get; init; }

    /// <summary>Bytes of images that are kept in memory at most; of more images, evenly chosen ones are trained on.</summary>
    public long ImageBytes { get; init; } = 1L << 30;

    /// <summary>Whether images that cannot be used are left out; else one of them refuses the fit before anything is trained.</summary>
    public bool SkipsBad { get; init; }

    /// <summary>Whether the fit may take the place of a bundle, of an interrupted fit and of files of the same names that lie in its folder
    /// already; else those refuse it.</summary>
    public bool Overwrites { get; init; }

    /// <summary>Words for the manifest: what the images are, and their licence.</summary>
    public string? TrainedOn { get; init; }

    /// <summary>Licence of the bundle, for its manifest.</summary>
    public string? Licence { get; init; }

    /// <summary>What the bundle is, for its manifest.</summary>
    public string? Description { get; init; }

    /// <summary>The longest side that is chosen where none is given.</summary>
    public const int LongestUsual = 160;

    /// <summary>The shortest time that a fit keeps on a usual machine: networks are loaded and derived, every stage takes a few steps, and
    /// every choice looks at a few images, however short the time is.</summary>
    public static TimeSpan ShortestKept { get; } = TimeSpan.FromMinutes(1);

    /// <summary>What is to be known of a time below <see cref="ShortestKept"/>.</summary>
    internal static string ShortTime(TimeSpan time) => string.Create(
        CultureInfo.InvariantCulture,
        $"{time.TotalSeconds:0.#} s are too short to be kept and to train anything well: every stage takes a few steps and every choice ")
        + string.Create(
            CultureInfo.InvariantCulture,
            $"looks at a few images all the same. From {ShortestKept.TotalSeconds:0} s on the time is kept; a good bundle takes minutes.");

    /// <exception cref="TrainingException">A setting makes no sense.</exception>
    internal void Check()
    {
        Sampling.Check();
        if (Sampling.Padding == WarpPadding.Reflection)
            throw new TrainingException("Sampling.Padding is Reflection, which no manifest can say; expected Border or Zeros.");
        RecipeChecks.Expect(nameof(Time), Time.TotalSeconds, Time.TotalSeconds >= 5, "at least 5 seconds");
        RecipeChecks.Expect(nameof(ValidationShare), ValidationShare, ValidationShare is > 0 and <= 0.5, "a number in (0, 0.5]");
        RecipeChecks.Expect(nameof(LongestSide), LongestSide ?? 32, (LongestSide ?? 32) is >= 16 and <= 1024, "a number in [16, 1024]");
        RecipeChecks.Expect(nameof(ImageBytes), ImageBytes, ImageBytes >= 1 << 20, "at least a mebibyte");
        if (Families.Count == 0 || Families.Distinct(StringComparer.Ordinal).Count() != Families.Count
            || Families.Any(family => family == "none" || !Deformation.Names.Contains(family)))
        {
            throw new TrainingException(
                $"{nameof(Families)} is '{string.Join(", ", Families)}'; expected at least one of "
                + $"{string.Join(", ", Deformation.Names.Where(name => name != "none"))}, each once.");
        }

        if (!Deformation.Names.Contains(Unseen))
            throw new TrainingException($"{nameof(Unseen)} is '{Unseen}'; expected one of {string.Join(", ", Deformation.Names)}.");
        Plan?.Check();
    }
}
