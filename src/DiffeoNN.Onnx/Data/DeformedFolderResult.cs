namespace DiffeoNN.Onnx.Data;

/// <summary>What <see cref="DeformedFolder"/> wrote.</summary>
/// <param name="Images">Number of images.</param>
/// <param name="Turned">Names of those whose files have an EXIF orientation other than upright.</param>
public sealed record DeformedFolderResult(int Images, IReadOnlyList<string> Turned);
