namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>What was minimised, averaged over some steps.</summary>
/// <param name="Stage">What was trained.</param>
/// <param name="Round">Of the stage, from 1.</param>
/// <param name="Step">The last of the steps.</param>
/// <param name="Seconds">Since the start of the fit.</param>
/// <param name="Terms">By name, and their weighted sum as <c>loss</c>.</param>
public sealed record FitCurvePoint(FitStage Stage, int Round, int Step, double Seconds, IReadOnlyDictionary<string, double> Terms);
