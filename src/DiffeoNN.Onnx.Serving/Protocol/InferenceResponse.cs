namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>What a model answers, however it will be sent.</summary>
public sealed record InferenceResponse
{
    /// <summary>The model's name.</summary>
    public string Model { get; init; } = "";

    /// <summary>The version that answered.</summary>
    public string Version { get; init; } = "";

    /// <summary>The request's.</summary>
    public string Id { get; init; } = "";

    /// <summary>What is said of the answer.</summary>
    public RequestParameters Parameters { get; init; } = RequestParameters.None;

    /// <summary>The tensors, in the order in which they were asked for.</summary>
    public IReadOnlyList<InferenceTensor> Outputs { get; init; } = [];

    /// <summary>Images, or rows of the first dimension, that were computed; for the statistics.</summary>
    public int Images { get; init; } = 1;

    /// <summary>How long the request waited for its turn; for the statistics.</summary>
    public TimeSpan Waited { get; init; }
}
