namespace DiffeoNN.Onnx.Bundles;

/// <summary>What is different in a search that starts at the proposer's proposal;
/// what is null is as in a search from no deformation.</summary>
public sealed record RefinementSettings
{
    /// <summary>Largest number of steps, at least 0; 0 uses the proposal alone.</summary>
    public int? Steps { get; init; }

    /// <summary>Adam's learning rate, above 0.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Nodes along the longest side of the lattice of the deviation from the proposal, at least 2.</summary>
    public int? Lattice { get; init; }

    /// <summary>Weight of the smoothness of the deviation from the proposal, at least 0.</summary>
    public double? Smoothness { get; init; }

    /// <summary>Weight of the penalty on folds, at least 0.</summary>
    public double? Orientation { get; init; }

    /// <summary>Relative decrease of the objective below which a step counts as no progress, at least 0.</summary>
    public double? Tolerance { get; init; }

    /// <summary>Steps without progress after which an image stops, at least 1.</summary>
    public int? Patience { get; init; }
}
