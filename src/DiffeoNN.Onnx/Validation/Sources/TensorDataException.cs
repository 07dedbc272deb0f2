namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>A file of tensors is missing, malformed, or does not fit the model.</summary>
/// <param name="message">What was found, where, what was expected, what to do.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class TensorDataException(string message, Exception? innerException = null) : DiffeoException(message, innerException);
