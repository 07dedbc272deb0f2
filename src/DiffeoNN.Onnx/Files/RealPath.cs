namespace DiffeoNN.Onnx.Files;

/// <summary>Where paths lead, links followed.</summary>
public static class RealPath
{
    private const int MostLinks = 40;

    /// <summary>The path without links, whether or not something is there; its last parts may be missing.</summary>
    /// <param name="path">Absolute, or relative to the current folder.</param>
    /// <exception cref="IOException">Links do not end.</exception>
    public static string Of(string path) => Of(path, MostLinks);

    /// <summary>Whether two paths lead to the same place.</summary>
    /// <param name="one">A path.</param>
    /// <param name="other">Another.</param>
    /// <exception cref="IOException">Links do not end.</exception>
    public static bool IsSame(string one, string other) => string.Equals(
        Of(one), Of(other), OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);

    private static string Of(string path, int links)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Path.GetDirectoryName(full) is not { } folder) return full;
        var real = Path.Combine(Of(folder, links), Path.GetFileName(full));
        if (new FileInfo(real).LinkTarget is not { } target) return real;
        return links == 0
            ? throw new IOException($"'{path}' leads through more than {MostLinks} links.")
            : Of(Path.Combine(Path.GetDirectoryName(real)!, target), links - 1);
    }
}
