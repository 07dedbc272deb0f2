using Microsoft.Win32.SafeHandles;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>Bytes of one tensor in a file beside the model, read when they are asked for.</summary>
/// <param name="file">The file.</param>
/// <param name="offset">First byte.</param>
/// <param name="length">Number of bytes.</param>
internal sealed class ExternalBytes(ExternalFile file, long offset, long length)
{
    private readonly WeakReference<byte[]> _cached = new([]);

    public ExternalFile File { get; } = file;

    public long Offset { get; } = offset;

    public long Length { get; } = length;

    /// <summary>All bytes. They stay in memory while somebody uses them.</summary>
    /// <exception cref="OnnxModelException">They are too many for one array, or the file cannot be read.</exception>
    public byte[] Read()
    {
        if (_cached.TryGetTarget(out var known) && known.Length == Length)
            return known;
        if (Length > Array.MaxLength)
            throw new OnnxModelException(
                $"{Length} bytes of '{File.Path}' are too many to be read at once; at most {Array.MaxLength} are.");
        var bytes = new byte[Length];
        File.Read(bytes, Offset);
        _cached.SetTarget(bytes);
        return bytes;
    }

    /// <summary>Copies the bytes piece by piece.</summary>
    public void CopyTo(Stream target)
    {
        var buffer = new byte[(int)Math.Min(Length, 1 << 20)];
        for (var done = 0L; done < Length;)
        {
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, Length - done));
            File.Read(part, Offset + done);
            target.Write(part);
            done += part.Length;
        }
    }
}

/// <summary>A file of external data, held open so that replacing it does not change the model in memory.</summary>
internal sealed class ExternalFile
{
    private readonly SafeFileHandle _handle;

    public ExternalFile(string path)
    {
        Path = path;
        _handle = System.IO.File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        Length = RandomAccess.GetLength(_handle);
    }

    public string Path { get; }

    public long Length { get; }

    /// <exception cref="OnnxModelException">The file has become shorter or cannot be read.</exception>
    public void Read(Span<byte> target, long offset)
    {
        try
        {
            while (!target.IsEmpty)
            {
                var read = RandomAccess.Read(_handle, target, offset);
                if (read == 0)
                    throw new OnnxModelException($"'{Path}' became shorter while the model was in use.");
                target = target[read..];
                offset += read;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OnnxModelException($"'{Path}' cannot be read: {e.Message}", e);
        }
    }
}
