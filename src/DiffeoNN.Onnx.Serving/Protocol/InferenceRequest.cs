namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>What a model is asked, however it was sent.</summary>
public sealed record InferenceRequest
{
    /// <summary>The model's name.</summary>
    public string Model { get; init; } = "";

    /// <summary>The version; empty for whichever is served.</summary>
    public string Version { get; init; } = "";

    /// <summary>Comes back with the response; empty for none.</summary>
    public string Id { get; init; } = "";

    /// <summary>What is said of the request, <c>binary_data_output</c> apart.</summary>
    public RequestParameters Parameters { get; init; } = RequestParameters.None;

    /// <summary>The tensors sent; names differ.</summary>
    public IReadOnlyList<InferenceTensor> Inputs { get; init; } = [];

    /// <summary>The outputs asked for; empty for those that the model gives by itself.</summary>
    public IReadOnlyList<RequestedOutput> Outputs { get; init; } = [];

    /// <summary>Whether outputs come back in binary of which nothing else is said.</summary>
    public bool BinaryOutput { get; init; }

    /// <summary>Whether an output comes back in binary.</summary>
    /// <param name="output">Its name.</param>
    public bool IsBinary(string output) => Outputs.FirstOrDefault(asked => asked.Name == output)?.Binary ?? BinaryOutput;
}
