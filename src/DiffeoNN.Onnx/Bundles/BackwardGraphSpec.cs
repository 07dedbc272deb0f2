namespace DiffeoNN.Onnx.Bundles;

/// <summary>A backward graph of the user's own energy: image to the gradient of the term, in the network's (preprocessed) values.</summary>
/// <remarks>Checked against finite differences of the energy graph when the bundle is loaded or built.</remarks>
public sealed record BackwardGraphSpec : ModelFile
{
    /// <summary>Output (N, C, H, W): derivative of each image's term by the network's input.</summary>
    public required string Output { get; init; }
}
