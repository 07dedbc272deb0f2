using DiffeoNN.Onnx.Validation.Comparing;

namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>What the validation of one graph found.</summary>
public sealed record GraphReport
{
    /// <summary>The role in the bundle, "energy" for the composed energy, or the file's name.</summary>
    public required string Name { get; init; }

    /// <summary>Number of nodes after functions are inlined.</summary>
    public required int Nodes { get; init; }

    /// <summary>Where the inputs come from: a folder of reference tensors, or "drawn".</summary>
    public required string Inputs { get; init; }

    /// <summary>What was assumed of inputs that were drawn, and what rounding makes of gradients where that matters.</summary>
    public IReadOnlyList<string> Assumptions { get; init; } = [];

    /// <summary>Every tensor of every source beside its baseline.</summary>
    public IReadOnlyList<SourceComparison> Comparisons { get; init; } = [];

    /// <summary>Derivatives along random directions beside finite differences.</summary>
    public IReadOnlyList<DirectionalComparison> Differences { get; init; } = [];

    /// <summary>Sources with nothing to compare.</summary>
    public IReadOnlyList<SkippedSource> Skipped { get; init; } = [];

    /// <summary>Nodes to blame for disagreements.</summary>
    public IReadOnlyList<BlameReport> Blames { get; init; } = [];

    /// <summary>Time it took.</summary>
    public double Seconds { get; init; }

    /// <summary>Whether something was compared, and all of it agrees.</summary>
    public bool Passed => Comparisons.Count > 0 && Comparisons.All(comparison => comparison.Tensor.Agrees)
        && Differences.All(difference => difference.Agrees) && !Skipped.Any(source => source.IsFailure);
}
