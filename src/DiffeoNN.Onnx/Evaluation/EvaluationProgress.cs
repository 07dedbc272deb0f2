namespace DiffeoNN.Onnx.Evaluation;

/// <summary>How far an evaluation has come.</summary>
/// <param name="Done">Images finished, in fractions.</param>
/// <param name="Count">Images in all.</param>
public readonly record struct EvaluationProgress(double Done, int Count);
