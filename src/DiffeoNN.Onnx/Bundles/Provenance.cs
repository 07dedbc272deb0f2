using DiffeoNN.Onnx.Answers;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Where a bundle's networks come from; for people. A validation alone looks at it: of networks that a fit trained it asks no
/// references.</summary>
public sealed record Provenance
{
    /// <summary><see cref="Tool"/> of bundles whose energies and proposer a fit trained.</summary>
    internal const string Fit = "diffeonn fit";

    /// <summary>The data the networks were trained on.</summary>
    public string? TrainedOn { get; init; }

    /// <summary>The program that trained and exported them.</summary>
    public string? Tool { get; init; }

    /// <summary>Its seed.</summary>
    public long? Seed { get; init; }

    /// <summary>When, as ISO 8601 writes it.</summary>
    public string? Date { get; init; }

    /// <summary>What the bundle reached on images held out, one entry a family of deformations; null if nobody measured.</summary>
    public IReadOnlyList<ValidationFigure>? Validation { get; init; }

    /// <summary>What <see cref="Validation"/> was compared with; null if unknown.</summary>
    public AnswerReference? Reference { get; init; }

    /// <summary>What follows from it, in a sentence or two.</summary>
    public string? Verdict { get; init; }

    /// <summary>Anything else.</summary>
    public string? Notes { get; init; }
}
