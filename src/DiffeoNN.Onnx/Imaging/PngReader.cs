namespace DiffeoNN.Onnx.Imaging;

/// <summary>
/// What is common to readers of PNG files. They are read to their stored values at full depth: SkiaSharp's decoder reduces 16-bit grey to
/// 8 bits and
/// 16-bit colour to half floats, and reports success for files cut behind the last row.
/// </summary>
/// <remarks>All colour types, depths and both interlace methods of the PNG specification; colour space chunks are ignored.</remarks>
internal static class PngReader
{
    private static readonly uint[] CrcTable = CreateCrcTable();

    /// <summary>The eight bytes that every PNG file starts with.</summary>
    public static ReadOnlySpan<byte> Signature => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Whether a file starts with the PNG signature.</summary>
    public static bool IsPng(ReadOnlySpan<byte> file) => file.StartsWith(Signature);

    /// <summary>The checksum of a chunk's type and content.</summary>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes) crc = CrcTable[(crc ^ value) & 0xFF] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[] CreateCrcTable()
    {
        var table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? 0xEDB88320 ^ (value >> 1) : value >> 1;
            table[i] = value;
        }

        return table;
    }
}
