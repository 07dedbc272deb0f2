namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>An output that a request asks for.</summary>
/// <param name="Name">Its name.</param>
public sealed record RequestedOutput(string Name)
{
    /// <summary>What is said of it, <c>binary_data</c> apart.</summary>
    public RequestParameters Parameters { get; init; } = RequestParameters.None;

    /// <summary>Whether it comes back in binary; null where the request's own word counts.</summary>
    public bool? Binary { get; init; }
}
