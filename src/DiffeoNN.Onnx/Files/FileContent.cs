using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Files;

/// <summary>All bytes of a file, in memory that is given back at once when it is disposed: files of large images would otherwise stay
/// until the garbage
/// collector comes by.</summary>
internal sealed unsafe class FileContent : IDisposable
{
    private byte* _bytes;

    private FileContent(int length)
    {
        Length = length;
        _bytes = (byte*)NativeMemory.Alloc((nuint)Math.Max(1, length));
    }

    /// <inheritdoc/>
    ~FileContent() => Free();

    /// <summary>Number of bytes.</summary>
    public int Length { get; }

    /// <summary>The bytes, as long as this object lives.</summary>
    public ReadOnlySpan<byte> Span => new(Address, Length);

    /// <summary>Where they lie.</summary>
    public byte* Address => _bytes == null ? throw new ObjectDisposedException(nameof(FileContent)) : _bytes;

    /// <summary>Reads a file.</summary>
    /// <exception cref="IOException">It cannot be read, is no regular file, or is larger than 2 GB.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static FileContent Read(string path)
    {
        // Opening a pipe waits for whoever writes to it, perhaps for ever.
        if (SpecialFile.Is(path)) throw new IOException("it is no regular file.");
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var length = RandomAccess.GetLength(handle);
        if (length > int.MaxValue) throw new IOException($"it has {length} bytes; at most {int.MaxValue} are read.");
        var content = new FileContent((int)length);
        try
        {
            for (var done = 0; done < content.Length;)
            {
                var read = RandomAccess.Read(handle, new Span<byte>(content._bytes + done, content.Length - done), done);
                if (read == 0) throw new IOException("it became shorter while it was read.");
                done += read;
            }

            return content;
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    /// <summary>Copies bytes that are in memory already.</summary>
    public static FileContent Copy(ReadOnlySpan<byte> bytes)
    {
        var content = new FileContent(bytes.Length);
        bytes.CopyTo(new Span<byte>(content._bytes, bytes.Length));
        return content;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(_bytes);
        _bytes = null;
    }
}
