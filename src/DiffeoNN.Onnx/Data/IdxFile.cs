using System.Buffers.Binary;
using System.IO.Compression;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>A file of MNIST's IDX format: unsigned bytes in up to three dimensions, the first counting items.</summary>
/// <param name="Path">Where it was read.</param>
/// <param name="Dimensions">Sizes, outermost first.</param>
/// <param name="Values">All bytes, the last dimension fastest.</param>
internal sealed record IdxFile(string Path, int[] Dimensions, byte[] Values)
{
    private const int LargestFile = 1_000_000_000;

    /// <summary>Path of a file, packed or not, with <c>-</c> or <c>.</c> before <c>idx</c>; null if there is none.</summary>
    public static string? Find(string folder, string name) =>
        new[] { name, name.Replace("-idx", ".idx", StringComparison.Ordinal) }
            .SelectMany(file => new[] { file + ".gz", file })
            .Select(file => System.IO.Path.Combine(folder, file))
            .FirstOrDefault(File.Exists);

    /// <summary>Reads a file, unpacking gzip.</summary>
    /// <param name="path">The file.</param>
    /// <param name="dimensions">How many it must have.</param>
    /// <exception cref="DataException">It is unreadable, truncated, too long, or something else.</exception>
    public static IdxFile Read(string path, int dimensions)
    {
        try
        {
            using var file = RegularFile.OpenRead(path);
            using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
            var header = new byte[4 * (1 + dimensions)];
            stream.ReadExactly(header);
            var magic = BinaryPrimitives.ReadInt32BigEndian(header);
            if (magic != 0x0800 + dimensions)
                throw new DataException($"'{path}' starts with {magic:X8}; an IDX file of bytes in {dimensions} dimensions starts with "
                    + $"{0x0800 + dimensions:X8}.");
            int[] sizes = [.. Enumerable.Range(1, dimensions).Select(i => BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4 * i)))];
            var length = sizes.Aggregate(1L, (product, size) => product is < 0 or > LargestFile ? -1 : product * size);
            if (sizes.Any(size => size < 1) || length is < 1 or > LargestFile)
                throw new DataException(
                    $"'{path}' says it holds {string.Join("x", sizes)} bytes; expected positive sizes of at most {LargestFile} bytes.");
            var values = new byte[length];
            stream.ReadExactly(values);
            if (stream.ReadByte() >= 0) throw new DataException($"'{path}' goes on after the {length} bytes its header announces.");
            return new IdxFile(path, sizes, values);
        }
        catch (EndOfStreamException e)
        {
            throw new DataException($"'{path}' is truncated: it ends before what its header announces.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new DataException($"'{path}' cannot be read: {e.Message}", e);
        }
    }
}
