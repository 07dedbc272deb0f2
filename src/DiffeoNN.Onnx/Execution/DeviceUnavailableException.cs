namespace DiffeoNN.Onnx.Execution;

/// <summary>A device was asked for whose libraries or hardware are missing.</summary>
/// <param name="message">What was found, where, what was expected, what to do.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class DeviceUnavailableException(string message, Exception? innerException = null) : DiffeoException(message, innerException);
