namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>How a bundle does on one family of deformations.</summary>
/// <param name="Deformation">The family; <c>none</c> for undeformed images.</param>
/// <param name="Images">That were looked at.</param>
/// <param name="Undeformed">Mean metric of the network alone on the undeformed images: the ceiling.</param>
/// <param name="Alone">Mean metric of the network alone on the deformed images.</param>
/// <param name="Canonicalised">Mean metric of the bundle.</param>
/// <param name="Error">Standard error of the mean of (canonicalised - alone).</param>
/// <param name="Used">Share of the images whose map was used.</param>
public sealed record FitFigure(
    string Deformation, int Images, double Undeformed, double Alone, double Canonicalised, double Error, double Used)
{
    /// <summary>What canonicalisation gains.</summary>
    public double Gain => Canonicalised - Alone;

    /// <summary>The gap between the network on undeformed and on deformed images.</summary>
    public double Gap => Undeformed - Alone;

    /// <summary>The share of the gap that is closed; null where there is next to none.</summary>
    public double? GapClosed => Evaluation.EvaluationSummary.ShareOfGap(Undeformed, Alone, Canonicalised);
}
