using System.Buffers.Binary;
using System.IO.Compression;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>
/// Decodes PNG files to their stored values at full depth. SkiaSharp's decoder reduces 16-bit grey to 8 bits and 16-bit colour to half
/// floats, and reports success for files cut behind the last row; this one keeps every bit and checks every chunk.
/// </summary>
/// <remarks>All colour types, depths and both interlace methods of the PNG specification; colour space chunks are ignored.</remarks>
internal static class PngReader
{
    private static readonly uint[] CrcTable = CreateCrcTable();

    /// <summary>The eight bytes that every PNG file starts with.</summary>
    public static ReadOnlySpan<byte> Signature => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Whether a file starts with the PNG signature.</summary>
    public static bool IsPng(ReadOnlySpan<byte> file) => file.StartsWith(Signature);

    /// <summary>Decodes a file; transparency is composited over black.</summary>
    /// <exception cref="InvalidDataException">The file is truncated or malformed; the message says how, without the file's name.</exception>
    public static ImageBuffer Decode(byte[] file)
    {
        var stored = Read(file);
        return PngColours.ToImage(stored.Samples, stored.Header, stored.Palette, stored.Transparency);
    }

    /// <summary>Reads what a file stores.</summary>
    /// <exception cref="InvalidDataException">As <see cref="Decode"/>.</exception>
    public static PngFile Read(byte[] file)
    {
        PngHeader? header = null;
        byte[] palette = [], transparency = [];
        using var compressed = new MemoryStream();
        int at = Signature.Length;
        while (true)
        {
            if (file.Length - at < 12) throw Truncated();
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > file.Length - at - 12) throw Truncated();
            var checkedPart = file.AsSpan(at + 4, (int)length + 4);
            var type = checkedPart[..4];
            var content = checkedPart[4..];
            uint stored = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at + 8 + (int)length));
            if (Crc(checkedPart) != stored) throw new InvalidDataException($"the checksum of its chunk at byte {at} is wrong");
            at += 12 + (int)length;
            if (type.SequenceEqual("IEND"u8)) break;
            if (type.SequenceEqual("IHDR"u8)) header = PngHeader.Parse(content);
            else if (type.SequenceEqual("PLTE"u8)) palette = content.ToArray();
            else if (type.SequenceEqual("tRNS"u8)) transparency = content.ToArray();
            else if (type.SequenceEqual("IDAT"u8)) compressed.Write(content);
            else if ((type[0] & 0x20) == 0)
                throw new InvalidDataException($"it has an unknown critical chunk '{System.Text.Encoding.ASCII.GetString(type)}'");
        }

        if (header is null) throw new InvalidDataException("it has no header chunk");
        compressed.Position = 0;
        var samples = PngScanlines.Read(Inflate(compressed, header), header);
        return new PngFile(header, samples, palette, transparency);
    }

    private static byte[] Inflate(MemoryStream compressed, PngHeader header)
    {
        // Deflate shrinks by at most 1032 to 1: a small file with a header of a huge image is refused before memory is taken for it.
        long count = PngScanlines.ByteCount(header);
        if (compressed.Length * 1100 < count) throw Truncated();
        var raw = new byte[count];
        int read;
        try
        {
            using var inflate = new ZLibStream(compressed, CompressionMode.Decompress, leaveOpen: true);
            read = inflate.ReadAtLeast(raw, raw.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            // The stream's own exception is an IOException where the data asks for a dictionary, which PNG does not allow.
            throw new InvalidDataException("its compressed data is damaged", e);
        }

        return read == raw.Length ? raw : throw Truncated();
    }

    private static InvalidDataException Truncated() => new("it ends before the image does (truncated)");

    /// <summary>The checksum of a chunk's type and content.</summary>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes) crc = CrcTable[(crc ^ value) & 0xFF] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[] CreateCrcTable()
    {
        var table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            uint value = i;
            for (int bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? 0xEDB88320 ^ (value >> 1) : value >> 1;
            table[i] = value;
        }

        return table;
    }
}
