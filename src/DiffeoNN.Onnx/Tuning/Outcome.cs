using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Tuning;

/// <summary>What a search led to for one image: all that any rule of acceptance needs,
/// so that rules are compared without searching again.</summary>
/// <param name="Search">The search, every certified map of which was used.</param>
/// <param name="Found">The metric of the answer it led to.</param>
/// <param name="Alone">The metric of the network alone.</param>
internal sealed record Outcome(ImageCanonicalisation Search, double Found, double Alone)
{
    /// <summary>Whether a rule uses the map.</summary>
    public bool IsUsedBy(Acceptance rule) =>
        Search.Accepted && rule.Judge(Search.InputEnergy, Search.JudgedEnergy, Search.FoundDiagnostics) is null;

    /// <summary>What orders images from worst to best, of the answer found: smoother than the metric where that is right or
    /// wrong.</summary>
    public double FoundRank { get; init; } = Found;

    /// <summary>The same of the network alone.</summary>
    public double AloneRank { get; init; } = Alone;

    /// <summary>The mean of metric and rank under a rule.</summary>
    public double Smooth(Acceptance rule) => 0.5 * (IsUsedBy(rule) ? Found + FoundRank : Alone + AloneRank);

    /// <summary>The metric under a rule.</summary>
    public double Metric(Acceptance rule) => IsUsedBy(rule) ? Found : Alone;
}
