using System.Text.Json.Serialization;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>The scores of a method over all images.</summary>
/// <param name="Iou">Segmentation only.</param>
/// <param name="Dice">Segmentation only.</param>
/// <param name="Accuracy">Share of pixels, or of images, that are right.</param>
public sealed record MethodSummary(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] MetricSummary? Iou,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] MetricSummary? Dice,
    MetricSummary Accuracy)
{
    /// <summary>The task's first metric: IoU, or accuracy for classifications.</summary>
    [JsonIgnore]
    public MetricSummary Metric => Iou ?? Accuracy;

    /// <summary>Summarises scores.</summary>
    /// <param name="scores">At least one, all of the same task.</param>
    internal static MethodSummary Of(IReadOnlyCollection<MethodScore> scores) => new(
        MetricSummary.Of([.. scores.Select(score => score.Iou).OfType<double>()]),
        MetricSummary.Of([.. scores.Select(score => score.Dice).OfType<double>()]),
        MetricSummary.Of([.. scores.Select(score => score.Accuracy)])!);
}
