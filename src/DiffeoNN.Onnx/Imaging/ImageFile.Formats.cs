namespace DiffeoNN.Onnx.Imaging;

public static partial class ImageFile
{
    /// <summary>Extensions of the files that are taken for images in folders, in lower case with their dot.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff"];

    /// <summary>Whether a file's name ends like an image's; upper or lower case.</summary>
    /// <param name="path">Path or name.</param>
    public static bool HasImageExtension(string path) => Extensions.Contains(Path.GetExtension(path).ToLowerInvariant());

    /// <summary>Whether a file or folder is hidden: its name starts with a dot, or Windows says so.</summary>
    /// <param name="path">Where it lies.</param>
    public static bool IsHidden(string path) => Path.GetFileName(path).StartsWith('.')
        || (OperatingSystem.IsWindows() && File.GetAttributes(path).HasFlag(FileAttributes.Hidden));

    /// <summary>The images directly inside a folder, sorted by name: files with an image's extension,
    /// hidden ones (<c>._a.png</c>) left out.
    /// </summary>
    /// <param name="folder">It must exist.</param>
    public static IReadOnlyList<string> ListFolder(string folder) =>
        [.. Directory.EnumerateFiles(folder)
            .Where(file => HasImageExtension(file) && !IsHidden(file))
            .Order(StringComparer.Ordinal)];
}
