namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>A version of a model as it lies in the repository.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">A whole number from 1 on.</param>
/// <param name="Path">The bundle's folder, or the ONNX file; of what is neither, the folder.</param>
public sealed record ModelSource(string Name, long Version, string Path)
{
    /// <summary>Whether it is a bundle; otherwise a plain ONNX file.</summary>
    public bool IsBundle { get; init; }

    /// <summary>Why it cannot be loaded; null for nothing known.</summary>
    public string? Problem { get; init; }

    /// <summary>The version as requests name it.</summary>
    public string VersionName => $"{Version}";
}
