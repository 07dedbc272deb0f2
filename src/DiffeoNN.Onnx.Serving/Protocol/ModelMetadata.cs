namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>What a model says of itself.</summary>
/// <param name="Platform">What it is, such as <c>diffeonn_bundle</c> or <c>onnxruntime_onnx</c>.</param>
/// <param name="Inputs">What it may be sent; which of them belong together, its documentation says.</param>
/// <param name="Outputs">What it may be asked for.</param>
public sealed record ModelMetadata(string Platform, IReadOnlyList<TensorMetadata> Inputs, IReadOnlyList<TensorMetadata> Outputs)
{
    /// <summary>Its name.</summary>
    public string Name { get; init; } = "";

    /// <summary>The versions that there are.</summary>
    public IReadOnlyList<string> Versions { get; init; } = [];

    /// <summary>Outputs that come where none is asked for; null for all.</summary>
    public IReadOnlyList<string>? Usual { get; init; }

    /// <summary>Most images of a request; 0 where the first dimension is no batch, or nothing is known of it.</summary>
    public int MaximumBatch { get; init; }

    /// <summary>The outputs that a request asks for, or that come where it asks for none.</summary>
    /// <param name="request">What was asked.</param>
    /// <exception cref="ProtocolException">There is no such output.</exception>
    internal IReadOnlyList<TensorMetadata> Asked(InferenceRequest request)
    {
        if (request.Outputs.Count == 0) return Usual is null ? Outputs : [.. Outputs.Where(output => Usual.Contains(output.Name))];
        return [.. request.Outputs.Select(asked => Outputs.FirstOrDefault(output => output.Name == asked.Name)
            ?? throw ProtocolException.Invalid(
                $"{Title(request)} has no output '{asked.Name}'. Outputs: {string.Join(", ", Outputs)}."))];
    }

    /// <summary>The input of a tensor that was sent.</summary>
    /// <param name="tensor">What was sent.</param>
    /// <param name="request">Whose it is.</param>
    /// <exception cref="ProtocolException">There is no such input, or it has another type or shape.</exception>
    internal TensorMetadata InputOf(InferenceTensor tensor, InferenceRequest request)
    {
        var input = Inputs.FirstOrDefault(input => input.Name == tensor.Name)
            ?? throw ProtocolException.Invalid(
                $"{Title(request)} has no input '{tensor.Name}'. Inputs: {string.Join(", ", Inputs)}.");
        if (input.Type != tensor.Type || !TensorShape.Fits(tensor.Shape, input.Shape))
            throw ProtocolException.Invalid($"{Title(request)} was sent {tensor}; it takes {input}, where -1 is any size.");
        return input;
    }

    // The name is the repository's to say, and a request has it from its path.
    private string Title(InferenceRequest request) =>
        (Name, request.Model) is ("", "") ? "The model" : $"Model '{(request.Model.Length > 0 ? request.Model : Name)}'";
}
