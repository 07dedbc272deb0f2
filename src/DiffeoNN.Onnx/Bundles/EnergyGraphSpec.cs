namespace DiffeoNN.Onnx.Bundles;

/// <summary>An energy of the user's own (role <c>energy</c>).</summary>
public sealed record EnergyGraphSpec : ModelFile
{
    /// <summary>Output (N, ...): its mean over everything but the batch is the term.</summary>
    public required string Output { get; init; }

    /// <summary>A backward graph made elsewhere; null where the gradient is compiled from the energy graph.</summary>
    public BackwardGraphSpec? Gradient { get; init; }
}
