using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Files;

/// <summary>Reads files that must be regular ones: opening a pipe waits for whoever writes to it, perhaps for ever.</summary>
internal static class RegularFile
{
    /// <summary>All bytes.</summary>
    /// <exception cref="IOException">It cannot be read, or is no regular file.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static byte[] ReadAllBytes(string path) => File.ReadAllBytes(Checked(path));

    /// <summary>All text.</summary>
    /// <exception cref="IOException">It cannot be read, or is no regular file.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static string ReadAllText(string path) => File.ReadAllText(Checked(path));

    /// <summary>Opens it to read.</summary>
    /// <exception cref="IOException">It cannot be read, or is no regular file.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static FileStream OpenRead(string path) => File.OpenRead(Checked(path));

    private static string Checked(string path) => SpecialFile.Is(path) ? throw new IOException("it is no regular file.") : path;
}
