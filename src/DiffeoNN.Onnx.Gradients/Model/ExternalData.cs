using DiffeoNN.Onnx.Gradients.Proto;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>Bytes of tensors kept in files beside the model.</summary>
/// <param name="folder">The model's folder; null where the model did not come from a file.</param>
internal sealed class ExternalData(string? folder)
{
    private const int MaximumLinks = 32;

    private readonly Dictionary<string, ExternalFile> _files = new(StringComparer.Ordinal);

    /// <summary>Finds the bytes of one tensor.</summary>
    /// <exception cref="OnnxModelException">The entry is malformed, leaves the folder, or the file is missing or too short.</exception>
    public ExternalBytes Find(TensorProto tensor, long expected)
    {
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in tensor.ExternalData)
            entries[entry.Key] = entry.Value;
        var location = entries.GetValueOrDefault("location", "");
        var offset = Number(tensor, entries, "offset") ?? 0;
        var length = Number(tensor, entries, "length") ?? expected;
        if (length != expected)
            throw new OnnxModelException($"Tensor '{tensor.Name}' has {length} bytes in '{location}'; its shape and type need {expected}.");
        var file = Open(tensor, location, Resolve(tensor, location), offset + (decimal)length);
        if (offset > file.Length || length > file.Length - offset)
            throw Truncated(tensor, location, offset + (decimal)length, file.Length);
        return new ExternalBytes(file, offset, length);
    }

    private ExternalFile Open(TensorProto tensor, string location, string path, decimal end)
    {
        if (_files.TryGetValue(path, out var known))
            return known;
        try
        {
            // Asked before opening: what is no ordinary file, such as a pipe, has no length and may not answer.
            var length = new FileInfo(path).Length;
            if (end > length)
                throw Truncated(tensor, location, end, length);
            return _files[path] = new ExternalFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OnnxModelException(
                $"Tensor '{tensor.Name}': external data '{location}' cannot be read from '{folder}': {e.Message}", e);
        }
    }

    private static OnnxModelException Truncated(TensorProto tensor, string location, decimal end, long length) =>
        new($"Tensor '{tensor.Name}' needs bytes up to {end} of '{location}', which has {length}; the file is truncated.");

    private static long? Number(TensorProto tensor, Dictionary<string, string> entries, string key)
    {
        if (!entries.TryGetValue(key, out var text))
            return null;
        return long.TryParse(text, out var value) && value >= 0 ? value
            : throw new OnnxModelException($"Tensor '{tensor.Name}': external data has {key} '{text}'; a number of bytes was expected.");
    }

    private string Resolve(TensorProto tensor, string location)
    {
        if (folder is null)
            throw new OnnxModelException(
                $"Tensor '{tensor.Name}' lies in the file '{location}'; load the model from its file, not from bytes.");
        if (location.Length == 0 || location.Contains('\0'))
            throw new OnnxModelException(
                $"Tensor '{tensor.Name}': external data has no location; the name of a file in the model's folder was expected.");
        if (!Path.IsPathRooted(location) && !location.Split('/', '\\').Contains(".."))
        {
            var path = Path.GetFullPath(Path.Combine(folder, location));
            if (RealPath(path) is { } target && RealPath(Path.GetFullPath(folder)) is { } root
                && target.StartsWith(Path.TrimEndingDirectorySeparator(root) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                return target;
        }

        throw new OnnxModelException(
            $"Tensor '{tensor.Name}': external data '{location}' leaves the model's folder; it must lie inside '{folder}'.");
    }

    /// <summary>The path with every link followed; null where links do not end.</summary>
    internal static string? RealPath(string path)
    {
        for (var links = 0; links < MaximumLinks; links++)
        {
            if (FirstLink(path) is not { } link)
                return path;
            var target = Path.Combine(Path.GetDirectoryName(link.FullName) ?? "", link.LinkTarget!);
            path = Path.GetFullPath(target + path[link.FullName.Length..]);
        }

        return null;
    }

    private static FileInfo? FirstLink(string path)
    {
        for (var end = path.IndexOf(Path.DirectorySeparatorChar, 1); ; end = path.IndexOf(Path.DirectorySeparatorChar, end + 1))
        {
            var part = new FileInfo(end < 0 ? path : path[..end]);
            if (part.LinkTarget is not null)
                return part;
            if (end < 0)
                return null;
        }
    }
}
