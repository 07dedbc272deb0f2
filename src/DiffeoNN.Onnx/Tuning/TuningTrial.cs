using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tuning;

/// <summary>Settings that were tried, and what came of them on the images so far.</summary>
/// <param name="Number">0 for the present settings, 1 for these with another acceptance, then in the order drawn.</param>
/// <param name="Settings">What was tried.</param>
/// <param name="Images">Undeformed images that were scored; as many of each deformation.</param>
/// <param name="Score">What is compared: the mean of <paramref name="Undeformed"/> and of the mean over
/// <paramref name="Deformed"/>; a fit counts what undeformed images lose more than once.</param>
/// <param name="Undeformed">Mean of the task's first metric (IoU, or accuracy) on undeformed images.</param>
/// <param name="Deformed">The same on each deformation, in the options' order.</param>
/// <param name="UndeformedUsed">Share of undeformed images whose map is used.</param>
/// <param name="DeformedUsed">Share of deformed images whose map is used.</param>
/// <param name="SecondsPerImage">Time of the search, whether its map is used or not.</param>
public sealed record TuningTrial(
    int Number,
    SearchSpec Settings,
    int Images,
    double Score,
    double Undeformed,
    IReadOnlyList<double> Deformed,
    double UndeformedUsed,
    double DeformedUsed,
    double SecondsPerImage);
