using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Arrays of float32 as NumPy's <c>.npz</c>; the same arrays make the same bytes.</summary>
/// <remarks>Format: NumPy Enhancement Proposal 1, version 1.0.</remarks>
internal sealed class NumpyArchive(ZipArchive archive)
{
    /// <summary>Writes an archive.</summary>
    /// <param name="path">File to create or replace.</param>
    /// <param name="write">Adds the arrays.</param>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void Write(string path, Action<NumpyArchive> write) => AtomicFile.Write(path, stream =>
    {
        using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        write(new NumpyArchive(archive));
    });

    /// <summary>Adds an array.</summary>
    /// <param name="name">Its name in the archive.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="parts">Its values, last dimension fastest, in parts that need not be there at once.</param>
    public void Add(string name, IReadOnlyList<long> shape, IEnumerable<float[]> parts)
    {
        var sizes = shape.Count == 1 ? $"{shape[0]}," : string.Join(", ", shape);
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}";
        // Magic (6), version (2) and length (2) together with the header fill a multiple of 64 bytes and end in a line feed.
        header = header.PadRight((((header.Length + 11 + 63) / 64) * 64) - 11) + "\n";
        var entry = archive.CreateEntry($"{name}.npy", CompressionLevel.Fastest);
        entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
        using var stream = entry.Open();
        stream.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header));
        foreach (var part in parts) stream.Write(MemoryMarshal.AsBytes<float>(part));
    }
}
