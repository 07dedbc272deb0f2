namespace DiffeoNN.Onnx.Bundles;

/// <summary>A network that proposes where canonicalisation starts (role <c>proposer</c>).</summary>
public sealed record ProposerSpec : ModelFile
{
    /// <summary>Output (N, 2, h, w): a velocity lattice in the library's unit, corners aligned, component 0 is x.</summary>
    public required string Output { get; init; }
}
