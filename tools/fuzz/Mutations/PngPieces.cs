using System.Buffers.Binary;
using System.IO.Compression;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Fuzz.Mutations;

/// <summary>Takes PNG files apart into chunks and puts them together again, with the checksums they need.</summary>
internal static class PngPieces
{
    private const int Overhead = 12;

    public static bool IsPng(byte[] file) => PngReader.IsPng(file);

    /// <summary>The file with every chunk's checksum right, as far as its lengths are; null where it is no PNG.</summary>
    public static byte[]? Repair(byte[] file)
    {
        if (!IsPng(file)) return null;
        byte[] result = [.. file];
        for (var at = PngReader.Signature.Length; result.Length - at >= Overhead;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(result.AsSpan(at));
            if (length > result.Length - at - Overhead) break;
            var crc = PngReader.Crc(result.AsSpan(at + 4, (int)length + 4));
            BinaryPrimitives.WriteUInt32BigEndian(result.AsSpan(at + 8 + (int)length), crc);
            at += Overhead + (int)length;
        }

        return result;
    }

    /// <summary>One chunk changed, taken away, doubled, moved, or taken from another file; pixels are changed before compression.</summary>
    public static byte[] Mutate(byte[] file, byte[] other, Random random)
    {
        var chunks = Split(file);
        if (chunks.Count == 0) return file;
        var at = random.Next(chunks.Count);
        var (type, content) = chunks[at];
        switch (random.Next(8))
        {
            case 0: chunks.RemoveAt(at); break;
            case 1: chunks.Insert(random.Next(chunks.Count), chunks[at]); break;
            case 2 when IsPng(other) && Split(other) is { Count: > 0 } donor: chunks[at] = donor[random.Next(donor.Count)]; break;
            case 3 or 4: Recompress(chunks, other, random); break;
            default:
                chunks[at] = (type, content.Length == 0 ? content : ByteMutator.Mutate(content, content, random));
                break;
        }

        return Join(chunks);
    }

    private static void Recompress(List<(byte[] Type, byte[] Content)> chunks, byte[] other, Random random)
    {
        var first = chunks.FindIndex(IsData);
        if (first < 0) return;
        var raw = Inflate([.. chunks.Where(IsData).SelectMany(chunk => chunk.Content)]);
        chunks.RemoveAll(IsData);
        using var stream = new MemoryStream();
        using (var deflate = new ZLibStream(stream, CompressionLevel.Fastest, leaveOpen: true))
            deflate.Write(ByteMutator.Mutate(raw, other, random));
        chunks.Insert(Math.Min(first, chunks.Count), ("IDAT"u8.ToArray(), stream.ToArray()));
    }

    private static bool IsData((byte[] Type, byte[] Content) chunk) => chunk.Type.AsSpan().SequenceEqual("IDAT"u8);

    private static byte[] Inflate(byte[] compressed)
    {
        var raw = new byte[InputSlot.Capacity];
        try
        {
            using var inflate = new ZLibStream(new MemoryStream(compressed), CompressionMode.Decompress);
            return raw[..inflate.ReadAtLeast(raw, raw.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return compressed;
        }
    }

    private static List<(byte[] Type, byte[] Content)> Split(byte[] file)
    {
        var chunks = new List<(byte[], byte[])>();
        for (var at = PngReader.Signature.Length; file.Length - at >= Overhead;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at));
            if (length > file.Length - at - Overhead) break;
            chunks.Add((file.AsSpan(at + 4, 4).ToArray(), file.AsSpan(at + 8, (int)length).ToArray()));
            at += Overhead + (int)length;
        }

        return chunks;
    }

    /// <summary>A PNG file of chunks.</summary>
    public static byte[] Join(IEnumerable<(byte[] Type, byte[] Content)> chunks)
    {
        using var stream = new MemoryStream();
        stream.Write(PngReader.Signature);
        var number = new byte[4];
        foreach (var (type, content) in chunks)
        {
            BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
            stream.Write(number);
            stream.Write(type);
            stream.Write(content);
            BinaryPrimitives.WriteUInt32BigEndian(number, PngReader.Crc([.. type, .. content]));
            stream.Write(number);
        }

        return stream.ToArray();
    }
}
