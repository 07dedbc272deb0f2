using DiffeoNN.Onnx.Validation.Comparing;

namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>The whole job, canonicalise, infer and map back, done in two ways on the same images with the same seed:
/// by two engines, or with fields computed by libtorch and by graphs.</summary>
public sealed record JobReport
{
    /// <summary>What is compared: "whole job", "fields", "fields, 3 steps".</summary>
    public string Name { get; init; } = "whole job";

    /// <summary>Smallest mean IoU of the two engines' masks that passes.</summary>
    public const double SmallestIou = 0.98;

    /// <summary>Largest share of classes that differ that passes.</summary>
    public const double LargestFlips = 0.01;

    /// <summary>The engine compared with, or what computes its fields.</summary>
    public required string Baseline { get; init; }

    /// <summary>The other one.</summary>
    public required string Engine { get; init; }

    /// <summary>Number of images.</summary>
    public required int Images { get; init; }

    /// <summary>Canonical images, velocities, displacements and answers of both engines; their own verdicts do not count for
    /// <see cref="Passed"/>: a search amplifies rounding.</summary>
    public IReadOnlyList<TensorComparison> Tensors { get; init; } = [];

    /// <summary>Segmentations: mean IoU of the two masks, and the smallest; null for other answers.</summary>
    public double? MeanIou { get; init; }

    /// <summary>Segmentations: IoU of the image where the masks differ most; null for other answers.</summary>
    public double? WorstIou { get; init; }

    /// <summary>Share of images (classifications) or pixels (segmentations) whose class differs; null for other answers.</summary>
    public double? Flips { get; init; }

    /// <summary>Answers that are images or points: largest difference relative to the magnitude; null for the others.</summary>
    public double? AnswerError { get; init; }

    /// <summary>Images whose map one engine used and the other refused.</summary>
    public int OtherDecisions { get; init; }

    /// <summary>Time of the baseline.</summary>
    public double BaselineSeconds { get; init; }

    /// <summary>Time of the other engine.</summary>
    public double EngineSeconds { get; init; }

    /// <summary>Steps that the longest search took; 0 where they were not counted.</summary>
    internal int Steps { get; init; }

    /// <summary>Whether both give the same answers in the task's terms.</summary>
    public bool Passed => MeanIou is null or >= SmallestIou && Flips is null or <= LargestFlips && AnswerError is null or <= 0.01;
}
