namespace DiffeoNN.Onnx.Execution;

/// <summary>A graph could not be loaded by the engine, or was run on tensors that do not fit it.</summary>
/// <param name="message">What was found, where, what was expected, what to do.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class GraphException(string message, Exception? innerException = null) : DiffeoException(message, innerException);
