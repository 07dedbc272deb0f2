namespace DiffeoNN.Onnx.Imaging;

/// <summary>An image file is missing, unreadable, truncated or of an unsupported format.</summary>
/// <param name="message">What was found, where, what was expected, what to do.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class ImageException(string message, Exception? innerException = null) : DiffeoException(message, innerException);
