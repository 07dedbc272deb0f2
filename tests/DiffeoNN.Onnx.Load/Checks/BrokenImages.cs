using System.Buffers.Binary;
using DiffeoNN.Onnx.Imaging;
using SkiaSharp;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>Image files that are none: cut, damaged, of no pixels, or of more than anybody has memory for.</summary>
internal static class BrokenImages
{
    private const int Width = 24;
    private const int Height = 16;

    private static readonly byte[][] Whole =
    [
        ImageFile.EncodePng(Picture(1)), ImageFile.EncodePng(Picture(3)), Skia(SKEncodedImageFormat.Jpeg), Skia(SKEncodedImageFormat.Webp),
        Bitmap(), Tiff(),
        [.. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3B],
    ];

    /// <summary>One of them; now and then it is whole after all.</summary>
    public static byte[] Next(Random random)
    {
        var file = Whole[random.Next(Whole.Length)].ToArray();
        switch (random.Next(6))
        {
            case 0: return file[..random.Next(file.Length)];
            case 1: return Claiming(file, random);
            case 2:
                random.NextBytes(file.AsSpan(Math.Min(file.Length, random.Next(2, 40))));
                return file;
            case 3: return [.. file, .. Whole[random.Next(Whole.Length)]];
            default:
                for (var i = random.Next(1, 5); i > 0; i--) file[random.Next(file.Length)] ^= (byte)(1 << random.Next(8));
                return file;
        }
    }

    /// <summary>Says another size in its header than it has.</summary>
    private static byte[] Claiming(byte[] file, Random random)
    {
        long[] sizes = [0, 1, 2, 255, 16383, 65535, 100_000, int.MaxValue, uint.MaxValue];
        var (width, height) = ((uint)sizes[random.Next(sizes.Length)], (uint)sizes[random.Next(sizes.Length)]);
        switch (file[0])
        {
            case 0x89:
                BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(16), width);
                BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(20), height);
                BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(29), Crc(file.AsSpan(12, 17)));
                break;
            case 0xFF:
                // The frame's header: marker, length, depth, height, width.
                var frame = file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
                if (frame < 0) break;
                BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 5), (ushort)height);
                BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 7), (ushort)width);
                break;
            case (byte)'R':
                BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(26), (ushort)(width & 0x3FFF));
                BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(28), (ushort)(height & 0x3FFF));
                break;
            case (byte)'B':
                BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(18), width);
                BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(22), height);
                break;
            case (byte)'I':
                BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(18), width);
                BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(30), height);
                break;
            default:
                foreach (var at in (int[])[6, 24])
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), (ushort)width);
                    BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at + 2), (ushort)height);
                }

                break;
        }

        return file;
    }

    private static ImageBuffer Picture(int channels) =>
        new(channels, Height, Width, [.. Enumerable.Range(0, channels * Height * Width).Select(i => i % 37 / 40f)]);

    private static byte[] Skia(SKEncodedImageFormat format)
    {
        using var bitmap = new SKBitmap(Width, Height);
        for (var i = 0; i < Width * Height; i++) bitmap.SetPixel(i % Width, i / Width, new SKColor((byte)(7 * i), (byte)i, 90));
        using var data = bitmap.Encode(format, 90);
        return data.ToArray();
    }

    private static byte[] Bitmap()
    {
        var file = new byte[54 + (3 * Width * Height)];
        "BM"u8.CopyTo(file);
        foreach (var (at, value) in ((int, int)[])[(2, file.Length), (10, 54), (14, 40), (18, Width), (22, Height), (26, 1 + (24 << 16))])
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
        return file;
    }

    private static byte[] Tiff()
    {
        (int Tag, int Value)[] tags =
            [(256, Width), (257, Height), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1), (278, Height), (279, Width * Height)];
        var pixels = 8 + 2 + (12 * tags.Length) + 4;
        var file = new byte[pixels + (Width * Height)];
        "II*\0"u8.CopyTo(file);
        file[4] = 8;
        file[8] = (byte)tags.Length;
        for (var i = 0; i < tags.Length; i++)
        {
            var entry = file.AsSpan(10 + (12 * i));
            BinaryPrimitives.WriteInt32LittleEndian(entry, tags[i].Tag + (4 << 16));
            entry[4] = 1;
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], tags[i].Tag == 273 ? pixels : tags[i].Value);
        }

        return file;
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }

        return ~crc;
    }
}
