namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>An exported file compared with the bundle that it was made of, image by image.</summary>
public sealed record ExportReport
{
    /// <summary>Smallest mean IoU of the two masks that passes.</summary>
    public const double SmallestIou = 0.999;

    /// <summary>Largest share of images of another class that passes.</summary>
    public const double LargestFlips = 0.001;

    /// <summary>Largest difference of two rows that passes where a batch is compared with its images alone, relative to the largest value.
    /// </summary>
    public const double LargestBatchDifference = 1e-4;

    /// <summary>The same where a search takes steps, which amplify rounding.</summary>
    public const double SmallestIouOfSearches = 0.99;

    /// <summary>Likewise.</summary>
    public const double LargestFlipsOfSearches = 0.01;

    /// <summary>Largest relative difference of numbers that passes: values of answers, and energies. Of searches with steps only energies
    /// of images as they are, and numbers that are the answer.</summary>
    public const double LargestDifference = 0.01;

    /// <summary>Number of images.</summary>
    public required int Images { get; init; }

    /// <summary>Whether searches take steps.</summary>
    public bool TakesSteps { get; init; }

    /// <summary>Segmentations: mean IoU of the two masks; null for other answers.</summary>
    public double? MeanIou { get; init; }

    /// <summary>Segmentations: IoU of the image where the masks differ most; null for other answers.</summary>
    public double? WorstIou { get; init; }

    /// <summary>Classifications: share of images whose class differs; segmentations: share of pixels; null for other answers.</summary>
    public double? Flips { get; init; }

    /// <summary>Whether <see cref="Flips"/> counts images.</summary>
    public bool FlipsAreImages { get; init; }

    /// <summary>Largest difference of two values of answers, relative to the largest of the library's, among images of equal decisions.
    /// </summary>
    public required double AnswerError { get; init; }

    /// <summary>Largest relative difference of the two energies of images as they are; null where the file does not give energies.
    /// </summary>
    public double? EnergyError { get; init; }

    /// <summary>Largest relative difference of the energies that maps lead to, among images of equal decisions; null likewise.</summary>
    public double? FoundEnergyError { get; init; }

    /// <summary>Images for which not the same number of maps counts, as lines; empty where the file does not say.</summary>
    public IReadOnlyList<string> OtherDecisions { get; init; } = [];

    /// <summary>Largest difference between an image's row of a batch and its own run, relative to the largest value; null where the file
    /// takes one image.</summary>
    public double? BatchError { get; init; }

    /// <summary>Time of the library, an image at a time, in seconds.</summary>
    public required double LibrarySeconds { get; init; }

    /// <summary>Time of the file in ONNX Runtime, likewise.</summary>
    public required double ExportSeconds { get; init; }

    /// <summary>Whether both give the same answers: masks, classes and numbers; maps count for as many images but for one in a hundred, and
    /// at least one, which are at thresholds.</summary>
    /// <remarks>Rounding that a search amplifies makes rows of a batch differ, too: these do not count with steps.</remarks>
    public bool Passed =>
        !(MeanIou < (TakesSteps ? SmallestIouOfSearches : SmallestIou))
        && !(FlipsAreImages && Flips > (TakesSteps ? LargestFlipsOfSearches : LargestFlips))
        && (AnswerError <= LargestDifference || (TakesSteps && Flips is not null)) && !(EnergyError > LargestDifference)
        && (TakesSteps || !(FoundEnergyError > LargestDifference)) && OtherDecisions.Count <= Math.Max(1, Images / 100)
        && (TakesSteps || !(BatchError > LargestBatchDifference));
}
