using System.Net;

namespace DiffeoNN.Onnx.Client;

/// <summary>A server refused a request, failed at it, gave an answer that cannot be read, or was not reached.</summary>
public sealed class ServerErrorException : Exception
{
    internal ServerErrorException(string message, HttpStatusCode? status, TimeSpan? retryAfter = null, Exception? innerException = null)
        : base(message, innerException) => (Status, RetryAfter) = (status, retryAfter);

    /// <summary>Status of the answer; null where there was none.</summary>
    public HttpStatusCode? Status { get; }

    /// <summary>When the server wants to be asked again; null where it does not say.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>Whether the same request may succeed later: a queue that is full, a model that loads, a server that was not reached.
    /// </summary>
    public bool IsTemporary => Status is null or HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests
        or HttpStatusCode.BadGateway;
}
