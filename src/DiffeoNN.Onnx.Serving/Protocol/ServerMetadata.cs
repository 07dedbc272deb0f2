namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>What the server says of itself.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Extensions">The extensions of the protocol that it has.</param>
public sealed record ServerMetadata(string Name, string Version, IReadOnlyList<string> Extensions)
{
    /// <summary>This server.</summary>
    public static ServerMetadata Current { get; } = new(
        "diffeonn",
        typeof(ServerMetadata).Assembly.GetName().Version?.ToString(3) ?? "0.0.0",
        ["binary_tensor_data", "model_configuration", "model_repository", "statistics", "parameters"]);
}
