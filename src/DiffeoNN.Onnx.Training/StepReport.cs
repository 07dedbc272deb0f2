namespace DiffeoNN.Onnx.Training;

/// <summary>What a step did.</summary>
/// <param name="Step">Steps taken, this one included.</param>
/// <param name="Loss">The weighted sum of its parts' losses, before the step.</param>
/// <param name="Terms">Each term by its name (OBJECTIVE/TERM where a step has several objectives),
/// averaged over the parts it is in.</param>
/// <param name="GradientNorm">Norm of the gradient of all weights, before it is limited.</param>
/// <param name="LearningRate">The step size used.</param>
/// <param name="Elapsed">How long it took.</param>
public sealed record StepReport(
    int Step, double Loss, IReadOnlyDictionary<string, double> Terms, double GradientNorm, double LearningRate, TimeSpan Elapsed);
