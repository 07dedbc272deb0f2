using System.Buffers.Binary;
using System.IO.Compression;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>Writes PNG files, grey, indexed or RGB, of any depth; SkiaSharp has 8 bits and no palette.</summary>
internal static class PngWriter
{
    /// <summary>Writes a file.</summary>
    /// <param name="stream">Stays open.</param>
    /// <param name="header">Colour type 0, 2 or 3; interlacing is ignored.</param>
    /// <param name="samples">Row by row, pixel by pixel, 0 to 2^depth - 1.</param>
    /// <param name="palette">Red, green, blue of each entry, for colour type 3; else empty.</param>
    public static void Write(Stream stream, PngHeader header, ReadOnlySpan<ushort> samples, ReadOnlySpan<byte> palette)
    {
        stream.Write(PngReader.Signature);
        Span<byte> content = stackalloc byte[13];
        content.Clear();
        BinaryPrimitives.WriteInt32BigEndian(content, header.Width);
        BinaryPrimitives.WriteInt32BigEndian(content[4..], header.Height);
        content[8] = (byte)header.Depth;
        content[9] = (byte)header.ColourType;
        Chunk(stream, "IHDR"u8, content);
        if (!palette.IsEmpty) Chunk(stream, "PLTE"u8, palette);
        using var compressed = new MemoryStream();
        using (var deflate = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            var count = header.Width * header.Samples;
            var line = new byte[1 + (((header.Width * header.BitsPerPixel) + 7) / 8)];
            for (var row = 0; row < header.Height; row++)
            {
                Pack(samples.Slice(row * count, count), header.Depth, line.AsSpan(1));
                deflate.Write(line);
            }
        }

        Chunk(stream, "IDAT"u8, compressed.GetBuffer().AsSpan(0, (int)compressed.Length));
        Chunk(stream, "IEND"u8, []);
    }

    private static void Pack(ReadOnlySpan<ushort> samples, int depth, Span<byte> line)
    {
        line.Clear();
        for (var i = 0; i < samples.Length; i++)
        {
            if (depth == 16) BinaryPrimitives.WriteUInt16BigEndian(line[(2 * i)..], samples[i]);
            else line[i * depth / 8] |= (byte)(samples[i] << (8 - depth - (i * depth % 8)));
        }
    }

    private static void Chunk(Stream stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> content)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
        stream.Write(number);
        byte[] checkedPart = [.. type, .. content];
        stream.Write(checkedPart);
        BinaryPrimitives.WriteUInt32BigEndian(number, PngReader.Crc(checkedPart));
        stream.Write(number);
    }
}
