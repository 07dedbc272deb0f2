namespace DiffeoNN.Onnx;

/// <summary>A native library could not be loaded or prepared.</summary>
/// <param name="message">What was found, where, what was expected, what to do.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class NativeLibraryException(string message, Exception? innerException = null) : DiffeoException(message, innerException);
