using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace DiffeoNN.Onnx.Tests.Imaging;

/// <summary>Writes PNG files of any kind, as simply as the format allows, for the reader's tests.</summary>
internal static class PngBytes
{
    private static readonly (int X, int Y, int StepX, int StepY)[] Adam7 =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    /// <summary>Encodes samples in order (row, column, sample); row r is filtered by method r % 5.</summary>
    public static byte[] Encode(
        int width, int height, int colourType, int depth, int[] samples, bool interlaced = false, byte[]? palette = null,
        byte[]? transparency = null, byte[]? gamma = null,
        byte[]? exif = null)
    {
        var perPixel = samples.Length / (width * height);
        using var raw = new MemoryStream();
        foreach (var (x, y, stepX, stepY) in interlaced ? Adam7 : [(0, 0, 1, 1)])
        {
            byte[] above = [];
            for (var row = y; row < height && x < width; row += stepY)
            {
                var bits = new List<int>();
                for (var column = x; column < width; column += stepX)
                    for (var s = 0; s < perPixel; s++)
                        for (var bit = depth - 1; bit >= 0; bit--)
                            bits.Add((samples[(((row * width) + column) * perPixel) + s] >> bit) & 1);
                while (bits.Count % 8 != 0) bits.Add(0);
                byte[] line = [.. bits.Chunk(8).Select(b => (byte)b.Aggregate(0, (sum, bit) => (2 * sum) + bit))];
                if (above.Length == 0) above = new byte[line.Length];
                raw.Write(Filter((row / stepY) % 5, line, above, Math.Max(1, perPixel * depth / 8)));
                above = line;
            }
        }

        using var compressed = new MemoryStream();
        using (var deflate = new ZLibStream(compressed, CompressionMode.Compress, leaveOpen: true)) deflate.Write(raw.ToArray());
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = ((byte)depth, (byte)colourType, interlaced ? (byte)1 : (byte)0);
        var content = compressed.ToArray();
        return
        [
            0x89, .. "PNG\r\n\x1a\n"u8, .. Chunk("IHDR", header),
            .. gamma is null ? [] : Chunk("gAMA", gamma),
            .. exif is null ? [] : Chunk("eXIf", exif),
            .. palette is null ? [] : Chunk("PLTE", palette),
            .. transparency is null ? [] : Chunk("tRNS", transparency),
            .. Chunk("IDAT", content[..(content.Length / 2)]), .. Chunk("IDAT", content[(content.Length / 2)..]), .. Chunk("IEND", []),
        ];
    }

    private static byte[] Filter(int method, byte[] line, byte[] above, int step)
    {
        var result = new byte[line.Length + 1];
        result[0] = (byte)method;
        for (var i = 0; i < line.Length; i++)
        {
            int a = i >= step ? line[i - step] : 0, b = above[i], c = i >= step ? above[i - step] : 0, p = a + b - c;
            var paeth = new[] { a, b, c }.MinBy(value => Math.Abs(p - value));
            result[i + 1] = (byte)(line[i] - new[] { 0, a, b, (a + b) / 2, paeth }[method]);
        }

        return result;
    }

    private static byte[] Chunk(string type, byte[] content)
    {
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. content];
        var crc = uint.MaxValue;
        foreach (var value in body)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }

        var length = new byte[4];
        var sum = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, content.Length);
        BinaryPrimitives.WriteUInt32BigEndian(sum, ~crc);
        return [.. length, .. body, .. sum];
    }
}
