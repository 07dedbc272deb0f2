namespace DiffeoNN.Onnx.Files;

/// <summary>A result cannot be written.</summary>
/// <param name="message">Which file or folder, and why.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class OutputException(string message, Exception? innerException = null) : DiffeoException(message, innerException);
