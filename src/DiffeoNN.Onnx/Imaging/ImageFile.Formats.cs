namespace DiffeoNN.Onnx.Imaging;

public static partial class ImageFile
{
    /// <summary>Extensions of the files that are taken for images in folders, in lower case with their dot.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff"];

    /// <summary>Whether a file's name ends like an image's; upper or lower case.</summary>
    /// <param name="path">Path or name.</param>
    public static bool HasImageExtension(string path) => Extensions.Contains(Path.GetExtension(path).ToLowerInvariant());
}
