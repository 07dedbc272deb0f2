using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>What a PNG file stores, before it becomes colours.</summary>
/// <param name="Header">Size, depth and colour type.</param>
/// <param name="Samples">In order (row, column, sample), 0 to 2^depth - 1; indices where the file has a palette.</param>
/// <param name="Palette">Red, green, blue of each entry; empty where there is none.</param>
/// <param name="Transparency">Content of the tRNS chunk; empty where there is none.</param>
internal sealed record PngFile(PngHeader Header, ushort[] Samples, byte[] Palette, byte[] Transparency)
{
    /// <summary>Reads all that a file stores.</summary>
    /// <exception cref="InvalidDataException">The file is truncated or malformed; the message says how, without the file's
    /// name.</exception>
    public static PngFile Read(FileContent file)
    {
        var chunks = PngChunks.Read(file);
        return new PngFile(chunks.Header, PngScanlines.Read(chunks), chunks.Palette, chunks.Transparency);
    }
}
