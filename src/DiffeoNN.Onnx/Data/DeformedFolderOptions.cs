using DiffeoNN.Onnx.Deformations;

namespace DiffeoNN.Onnx.Data;

/// <summary>Which images of a data folder are deformed, and how.</summary>
public sealed record DeformedFolderOptions
{
    /// <summary>Family of maps; <c>tps</c> by default.</summary>
    public Deformation Deformation { get; init; } = new ThinPlateDeformation();

    /// <summary>Seed of the set.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Split to keep; null keeps all.</summary>
    public string? Split { get; init; }

    /// <summary>Source to keep; null keeps all.</summary>
    public string? Source { get; init; }

    /// <summary>Most images; null for all.</summary>
    public int? Count { get; init; }

    /// <summary>Whether images are turned as their EXIF orientation says; masks never are.</summary>
    public bool Orients { get; init; }
}
