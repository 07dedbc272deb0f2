using System.IO.MemoryMappedFiles;

namespace DiffeoNN.Onnx.Fuzz;

/// <summary>A file mapped into memory that holds the input a worker is at; it outlives the worker, however that dies.</summary>
internal sealed class InputSlot : IDisposable
{
    /// <summary>Longest input.</summary>
    public const int Capacity = 1 << 16;

    private const int Header = 40;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    public InputSlot(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, Header + Capacity);
        _view = _file.CreateViewAccessor();
    }

    /// <summary>Number of the input, counted from 0 through the whole run.</summary>
    public long Index => _view.ReadInt64(0);

    /// <summary>Inputs that the library refused, as far as the worker has come.</summary>
    public long Refused => _view.ReadInt64(16);

    /// <summary>Different ways that inputs took.</summary>
    public long Paths => _view.ReadInt64(24);

    /// <summary>The input.</summary>
    public byte[] Input
    {
        get
        {
            var bytes = new byte[Math.Clamp(_view.ReadInt32(8), 0, Capacity)];
            _view.ReadArray(Header, bytes, 0, bytes.Length);
            return bytes;
        }
    }

    /// <summary>Says what is tried next.</summary>
    public void Write(long index, byte[] input, long refused, long paths)
    {
        _view.WriteArray(Header, input, 0, input.Length);
        _view.Write(8, input.Length);
        _view.Write(16, refused);
        _view.Write(24, paths);
        _view.Write(0, index);
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
