namespace DiffeoNN.Onnx.Bundles;

/// <summary>The pretrained network that is wrapped (role <c>inner</c>), or the one it is compared with (role <c>augmented</c>).</summary>
public sealed record PredictorSpec : ModelFile
{
    /// <summary>Its output.</summary>
    public required OutputSpec Output { get; init; }
}
