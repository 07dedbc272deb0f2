namespace DiffeoNN.Onnx.Data;

/// <summary>Which images of a data set are evaluated.</summary>
public sealed record EvaluationSelection
{
    /// <summary>Split to keep; null for <c>test</c> where the data has splits, else all.</summary>
    public string? Split { get; init; }

    /// <summary>Source to keep; null keeps all.</summary>
    public string? Source { get; init; }

    /// <summary>Most images, from the start; null for all (500 where they are generated).</summary>
    public int? Count { get; init; }

    /// <summary>Seed of generated images.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Whether images are turned as their EXIF orientation says; masks never are.</summary>
    public bool Orients { get; init; }
}
