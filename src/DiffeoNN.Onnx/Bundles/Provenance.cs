namespace DiffeoNN.Onnx.Bundles;

/// <summary>Where a bundle's networks come from; for people, never interpreted.</summary>
public sealed record Provenance
{
    /// <summary>The data the networks were trained on.</summary>
    public string? TrainedOn { get; init; }

    /// <summary>The program that trained and exported them.</summary>
    public string? Tool { get; init; }

    /// <summary>Its seed.</summary>
    public long? Seed { get; init; }

    /// <summary>When, as ISO 8601 writes it.</summary>
    public string? Date { get; init; }

    /// <summary>Anything else.</summary>
    public string? Notes { get; init; }
}
