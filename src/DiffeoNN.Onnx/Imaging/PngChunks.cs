using System.Buffers.Binary;
using System.IO.Compression;
using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>What the chunks of a PNG file hold; the compressed rows stay where they are in the file.</summary>
/// <param name="Header">Size, depth and colour type.</param>
/// <param name="Palette">Red, green, blue of each entry; empty where there is none.</param>
/// <param name="Transparency">Content of the tRNS chunk; empty where there is none.</param>
/// <param name="Exif">Content of the eXIf chunk; empty where there is none.</param>
/// <param name="Data">Where the parts of the compressed rows lie in the file.</param>
/// <param name="File">All of the file; stays its owner's.</param>
internal sealed record PngChunks(
    PngHeader Header, byte[] Palette, byte[] Transparency, byte[] Exif, IReadOnlyList<Range> Data, FileContent File)
{
    /// <summary>Reads and checks every chunk.</summary>
    /// <exception cref="InvalidDataException">The file is truncated or malformed; the message says how, without the file's
    /// name.</exception>
    public static PngChunks Read(FileContent content)
    {
        var file = content.Span;
        PngHeader? header = null;
        byte[] palette = [], transparency = [], exif = [];
        var data = new List<Range>();
        var at = PngReader.Signature.Length;
        while (true)
        {
            if (file.Length - at < 12) throw Truncated();
            var length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
            if (length > file.Length - at - 12) throw Truncated();
            var checkedPart = file.Slice(at + 4, (int)length + 4);
            var type = checkedPart[..4];
            var body = checkedPart[4..];
            var stored = BinaryPrimitives.ReadUInt32BigEndian(file[(at + 8 + (int)length)..]);
            if (PngReader.Crc(checkedPart) != stored) throw new InvalidDataException($"the checksum of its chunk at byte {at} is wrong");
            if (type.SequenceEqual("IDAT"u8)) data.Add(new Range(at + 8, at + 8 + (int)length));
            at += 12 + (int)length;
            if (type.SequenceEqual("IEND"u8)) break;
            if (type.SequenceEqual("IHDR"u8)) header = PngHeader.Parse(body);
            else if (type.SequenceEqual("PLTE"u8)) palette = body.ToArray();
            else if (type.SequenceEqual("tRNS"u8)) transparency = body.ToArray();
            else if (type.SequenceEqual("eXIf"u8)) exif = body.ToArray();
            else if ((type[0] & 0x20) == 0 && !type.SequenceEqual("IDAT"u8))
                throw new InvalidDataException($"it has an unknown critical chunk '{System.Text.Encoding.ASCII.GetString(type)}'");
        }

        if (header is null) throw new InvalidDataException("it has no header chunk");
        // Deflate shrinks by at most 1032 to 1: a small file with a header of a huge image is refused before memory is taken for it.
        return data.Sum(part => (long)part.End.Value - part.Start.Value) * 1100 < PngScanlines.ByteCount(header)
            ? throw Truncated()
            : new PngChunks(header, palette, transparency, exif, data, content);
    }

    /// <summary>The filtered rows as a stream; the caller disposes it.</summary>
    public Stream OpenRows() => new ZLibStream(new SegmentStream(File, Data), CompressionMode.Decompress);

    /// <summary>Fills a part of the filtered rows.</summary>
    /// <exception cref="InvalidDataException">The compressed data is damaged or ends before.</exception>
    public static void Fill(Stream rows, Span<byte> target)
    {
        int read;
        try
        {
            read = rows.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            // The stream raises an IOException of its own where the data asks for a dictionary, which PNG does not allow.
            throw new InvalidDataException("its compressed data is damaged", e);
        }

        if (read < target.Length) throw Truncated();
    }

    private static InvalidDataException Truncated() => new("it ends before the image does (truncated)");
}
