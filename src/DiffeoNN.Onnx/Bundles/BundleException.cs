namespace DiffeoNN.Onnx.Bundles;

/// <summary>A bundle, its manifest or one of its files is missing, malformed or inconsistent.</summary>
/// <param name="message">What was found, where, what was expected, what to do.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class BundleException(string message, Exception? innerException = null) : DiffeoException(message, innerException);
