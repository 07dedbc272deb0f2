using DiffeoNN.Onnx.Gradients.Proto;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>Bytes of tensors kept in files beside the model.</summary>
/// <param name="folder">The model's folder; null where the model did not come from a file.</param>
internal sealed class ExternalData(string? folder)
{
    /// <summary>Reads the bytes of one tensor.</summary>
    /// <exception cref="OnnxModelException">The entry is malformed, leaves the folder, or the file is missing or too short.</exception>
    public byte[] Read(TensorProto tensor, long expected)
    {
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in tensor.ExternalData)
            entries[entry.Key] = entry.Value;
        var location = entries.GetValueOrDefault("location", "");
        var offset = Number(tensor, entries, "offset") ?? 0;
        var length = Number(tensor, entries, "length") ?? expected;
        if (length != expected)
            throw new OnnxModelException($"Tensor '{tensor.Name}' has {length} bytes in '{location}'; its shape and type need {expected}.");
        var path = Resolve(tensor, location);
        try
        {
            using var file = File.OpenHandle(path);
            var available = RandomAccess.GetLength(file);
            if (offset > available || length > available - offset)
                throw new OnnxModelException(
                    $"Tensor '{tensor.Name}' needs bytes {offset} to {offset + length} of '{location}', which has {available}; the file is truncated.");
            var bytes = new byte[length];
            var filled = 0;
            while (filled < bytes.Length)
            {
                var read = RandomAccess.Read(file, bytes.AsSpan(filled), offset + filled);
                if (read == 0)
                    throw new OnnxModelException($"Tensor '{tensor.Name}': '{location}' ended early.");
                filled += read;
            }

            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OnnxModelException($"Tensor '{tensor.Name}': external data '{location}' cannot be read from '{folder}': {e.Message}", e);
        }
    }

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
            throw new OnnxModelException($"Tensor '{tensor.Name}' lies in the file '{location}'; load the model from its file, not from bytes.");
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        var path = location.Length == 0 || location.Contains('\0') ? root : Path.GetFullPath(Path.Combine(root, location));
        var target = new FileInfo(path) is { LinkTarget: not null } link ? link.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path : path;
        var inside = root + Path.DirectorySeparatorChar;
        if (!path.StartsWith(inside, StringComparison.Ordinal) || !target.StartsWith(inside, StringComparison.Ordinal))
            throw new OnnxModelException($"Tensor '{tensor.Name}': external data '{location}' leaves the model's folder; it must lie inside '{folder}'.");
        return path;
    }
}
