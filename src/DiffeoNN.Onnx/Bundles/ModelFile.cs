using System.Text.Json.Serialization;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>An ONNX file of a bundle; the derived records name its tensors.</summary>
public abstract record ModelFile
{
    /// <summary>Path relative to the bundle's folder, with forward slashes, inside the folder.</summary>
    [JsonPropertyOrder(-3)]
    public required string File { get; init; }

    /// <summary>SHA-256 of the file, 64 hexadecimal digits; a builder fills it in.</summary>
    [JsonPropertyOrder(-2)]
    public string Sha256 { get; init; } = "";

    /// <summary>The input tensor: images (N, C, H, W), float32, unless it says otherwise. A name alone converts to it.</summary>
    [JsonPropertyOrder(-1)]
    public required InputSpec Input { get; init; }
}
