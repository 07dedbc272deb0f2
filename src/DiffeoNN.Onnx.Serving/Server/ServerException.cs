namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>A server that cannot be started: its options, its certificates, its ports.</summary>
/// <param name="message">What was found, where, what was expected.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class ServerException(string message, Exception? innerException = null) : DiffeoException(message, innerException);
