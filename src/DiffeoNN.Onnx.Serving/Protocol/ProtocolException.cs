namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>A request that ends with an error which its sender is told.</summary>
/// <param name="kind">Decides the status.</param>
/// <param name="message">What was found, where, what was expected, what to do.</param>
/// <param name="innerException">What caused it, if anything.</param>
public sealed class ProtocolException(ErrorKind kind, string message, Exception? innerException = null)
    : DiffeoException(message, innerException)
{
    /// <summary>Decides the status.</summary>
    public ErrorKind Kind => kind;

    /// <summary>When to ask again, where that was estimated.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>A request that is malformed, or that a model does not take.</summary>
    internal static ProtocolException Invalid(string message, Exception? innerException = null) =>
        new(ErrorKind.Invalid, message, innerException);

    /// <summary>More than a limit.</summary>
    internal static ProtocolException TooLarge(string message) => new(ErrorKind.TooLarge, message);
}
