namespace DiffeoNN.Onnx.Execution;

/// <summary>An engine was asked for whose assembly was not registered.</summary>
/// <param name="message">What was found, where, what was expected, what to do.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class EngineMissingException(string message, Exception? innerException = null) : DiffeoException(message, innerException);
