namespace DiffeoNN.Onnx.Bundles;

/// <summary>How a bundle's images are best canonicalised; what is null is left to the canonicaliser's defaults.</summary>
public sealed record OptimiserSettings
{
    /// <summary>How the velocity is parameterised: <c>siren</c> or <c>lattice</c>.</summary>
    public string? Field { get; init; }

    /// <summary>Nodes along the longest side of the lattice on which the velocity is evaluated, at least 2.</summary>
    public int? Lattice { get; init; }

    /// <summary>Where the search starts: <c>zero</c>, <c>proposer</c> or <c>multi</c>.</summary>
    public string? Start { get; init; }

    /// <summary>How often the proposer is asked, 1 to 100: each further time for what is left.</summary>
    public int? Passes { get; init; }

    /// <summary>Whether answers are the mean over the maps of all passes of the proposer and of the search,
    /// instead of those of the last.</summary>
    public bool? Average { get; init; }

    /// <summary>Largest number of steps, at least 0.</summary>
    public int? Steps { get; init; }

    /// <summary>Adam's learning rate, above 0.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Least number of squarings, 0 to 20.</summary>
    public int? Squarings { get; init; }

    /// <summary>Relative decrease of the objective below which a step counts as no progress, at least 0.</summary>
    public double? Tolerance { get; init; }

    /// <summary>Steps without progress after which an image stops, at least 1.</summary>
    public int? Patience { get; init; }

    /// <summary>What replaces the above where a search starts at the proposal; of no effect in a bundle without proposer.
    /// Absent for the same settings.</summary>
    public RefinementSettings? Refinement { get; init; }
}
