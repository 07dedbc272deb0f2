using DiffeoNN.Onnx.Answers;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>The pretrained network that is wrapped (role <c>inner</c>), or the one it is compared with (role <c>augmented</c>).</summary>
public sealed record PredictorSpec : ModelFile
{
    /// <summary>Its output, or the first of several, which is the one that is evaluated.</summary>
    public required OutputSpec Output { get; init; }

    /// <summary>Its further outputs, all carried back by the same map.</summary>
    public IReadOnlyList<OutputSpec> Further { get; init; } = [];

    /// <summary>All its outputs.</summary>
    public IReadOnlyList<OutputSpec> Outputs => [Output, .. Further];
}
