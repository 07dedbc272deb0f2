namespace DiffeoNN.Onnx.Data;

/// <summary>One image of an <see cref="ImageFolder"/>.</summary>
/// <param name="Name">File name in <c>images/</c> and <c>masks/</c>, with extension.</param>
/// <param name="Split">Usually train, val or test; empty where the folder has no split.csv.</param>
/// <param name="Source">Where the image comes from; empty where unknown.</param>
public sealed record ImageFolderRow(string Name, string Split, string Source)
{
    /// <summary>The image's class as split.csv gives it; null where it has no column of labels.</summary>
    public string? Label { get; init; }

    /// <summary>The image's numbers as split.csv gives them, separated by blanks; null where it has no such column.</summary>
    public string? Numbers { get; init; }
}
