namespace DiffeoNN.Onnx.Training;

/// <summary>Training cannot go on: weights that are not there, objectives that do not fit, a loss that is no number, a checkpoint of
/// something else. The message says what was found, what was expected and what to do.</summary>
/// <param name="message">The message.</param>
/// <param name="inner">What caused it; may be null.</param>
public sealed class TrainingException(string message, Exception? inner = null) : Exception(message, inner);
