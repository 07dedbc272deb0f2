namespace DiffeoNN.Onnx.Bundles;

/// <summary>A critic, low on training images and high on deformed ones (role <c>critic</c>).</summary>
public sealed record CriticSpec : ModelFile
{
    /// <summary>Output (N, ...): its mean over everything but the batch is the adversarial term.</summary>
    public required string Output { get; init; }
}
