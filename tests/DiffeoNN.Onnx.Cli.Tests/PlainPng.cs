using System.Buffers.Binary;
using System.IO.Compression;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>Writes PNG files of one sample a pixel, as masks are stored by other programs.</summary>
internal static class PlainPng
{
    public const int Grey8 = 0;
    public const int Grey16 = 1;
    public const int Indexed = 2;

    /// <summary>Encodes samples row by row; indices have colours whose brightness says nothing.</summary>
    public static byte[] Encode(int width, int height, int kind, int[] samples)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = kind == Grey16 ? (byte)16 : (byte)8;
        header[9] = kind == Indexed ? (byte)3 : (byte)0;
        using var packed = new MemoryStream();
        using (var deflate = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            for (var row = 0; row < height; row++)
            {
                deflate.WriteByte(0);
                for (var column = 0; column < width; column++)
                {
                    var value = samples[(row * width) + column];
                    if (kind == Grey16) deflate.WriteByte((byte)(value >> 8));
                    deflate.WriteByte((byte)value);
                }
            }
        }

        var palette = kind == Indexed ? Chunk("PLTE"u8, [250, 240, 0, 90, 0, 0, 0, 0, 60]) : [];
        return [0x89, .. "PNG\r\n\x1a\n"u8, .. Chunk("IHDR"u8, header), .. palette, .. Chunk("IDAT"u8, packed.ToArray()),
            .. Chunk("IEND"u8, [])];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, ReadOnlySpan<byte> content)
    {
        var chunk = new byte[12 + content.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, content.Length);
        type.CopyTo(chunk.AsSpan(4));
        content.CopyTo(chunk.AsSpan(8));
        var crc = uint.MaxValue;
        foreach (var value in chunk.AsSpan(4, 4 + content.Length))
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }

        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + content.Length), ~crc);
        return chunk;
    }
}
