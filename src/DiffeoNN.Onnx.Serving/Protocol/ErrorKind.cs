namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>What kind of error ends a request; <see cref="ErrorKinds"/> says which status each is.</summary>
public enum ErrorKind
{
    /// <summary>The request is malformed, or the model does not take it.</summary>
    Invalid,

    /// <summary>There is no such model, version or path.</summary>
    NotFound,

    /// <summary>Who asks is not known.</summary>
    Unauthenticated,

    /// <summary>The server does not allow it.</summary>
    Forbidden,

    /// <summary>More than a limit of the server.</summary>
    TooLarge,

    /// <summary>What the server does not have.</summary>
    Unsupported,

    /// <summary>Not now: a model that loads, a server that ends.</summary>
    Unavailable,

    /// <summary>Too much at once: a queue that is full.</summary>
    Busy,

    /// <summary>The request's time was up.</summary>
    DeadlineExceeded,

    /// <summary>A fault of the server's or the model's own.</summary>
    Internal,
}
