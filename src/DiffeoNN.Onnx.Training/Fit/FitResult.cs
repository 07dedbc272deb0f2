using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>What a fit came to.</summary>
/// <param name="Bundle">As it was written.</param>
/// <param name="Verdict">Whether it helps.</param>
/// <param name="Evaluations">On images held out, by family, as <see cref="FitVerdict.Figures"/> has them.</param>
/// <param name="Curves">Of what was minimised.</param>
/// <param name="Trials">After each part of the fit.</param>
/// <param name="Plan">The steps that were taken.</param>
/// <param name="Elapsed">How long it took, earlier parts of an interrupted fit included.</param>
/// <param name="Notes">What there is to know.</param>
public sealed record FitResult(
    Bundle Bundle,
    FitVerdict Verdict,
    IReadOnlyList<EvaluationResult> Evaluations,
    IReadOnlyList<FitCurvePoint> Curves,
    IReadOnlyList<FitTrial> Trials,
    FitPlan Plan,
    TimeSpan Elapsed,
    IReadOnlyList<string> Notes)
{
    /// <summary>The images held out, with their truth where the data has one; what <see cref="SampleResult.Index"/> of
    /// <see cref="Evaluations"/> counts.</summary>
    public required IEvaluationData HeldOut { get; init; }

    /// <summary>Images that were trained on.</summary>
    public required int TrainingImages { get; init; }
}
