using System.Buffers.Binary;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>Reads and writes masks as stored numbers; what they mean is the business of <see cref="MaskRules"/>.</summary>
internal static class MaskFile
{
    /// <summary>By how much of 255 the colours of a grey pixel differ in files of formats that change values.</summary>
    private const int LossyColour = 16;

    /// <summary>Name and length of a part of a WebP file.</summary>
    private const int ChunkHead = 8;

    /// <summary>Reads a mask: PNG of any depth and colour type exactly, other formats by their decoded levels.</summary>
    /// <exception cref="ImageException">The file is missing or damaged.</exception>
    /// <exception cref="DataException">It has colours without a palette, or transparent pixels that are not 0.</exception>
    public static StoredMask Read(string path)
    {
        using var file = ImageFile.ReadContent(path);
        try
        {
            if (PngReader.IsPng(file.Span)) return FromPng(PngFile.Read(file), path);
            if (TiffDirectory.IsTiff(file.Span) && TiffDirectory.Read(file.Span).Alpha)
            {
                throw new DataException(
                    $"'{path}' holds opacities; whether a pixel counts cannot be told. Store masks without transparency.");
            }

            var isLossy = IsLossy(file.Span);
            var isWide = TiffDirectory.IsTiff(file.Span) && TiffDirectory.Read(file.Span).Bits == 16;
            return FromImage(ImageFile.Decode(file, $"'{path}'"), path, isLossy, isWide) with { IsLossy = isLossy };
        }
        catch (InvalidDataException e)
        {
            throw new ImageException($"'{path}' cannot be read: {e.Message}.", e);
        }
    }

    /// <summary>Writes a PNG that stores the same values at the same depth, with the same palette.</summary>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void WritePng(string path, StoredMask mask)
    {
        var header = new PngHeader(mask.Width, mask.Height, mask.Depth, mask.Palette is null ? 0 : 3, Interlaced: false);
        AtomicFile.Write(path, stream => PngWriter.Write(stream, header, mask.Values, mask.Palette));
    }

    private static StoredMask FromPng(PngFile png, string path)
    {
        var header = png.Header;
        if (header.ColourType == 3)
        {
            var colours = png.Palette.Length / 3;
            if (Array.FindIndex(png.Samples, index => index >= colours) is >= 0 and var at)
                throw new InvalidDataException($"a pixel has colour {png.Samples[at]} of a palette of {colours}");
            return new StoredMask(header.Height, header.Width, png.Samples, header.Depth) { Palette = png.Palette[..(3 * colours)] };
        }

        var stored = header.Samples;
        if (stored == 1) return new StoredMask(header.Height, header.Width, png.Samples, header.Depth);
        int grey = stored is 3 or 4 ? 3 : 1, opaque = (1 << header.Depth) - 1;
        var isShaped = false;
        var values = new ushort[header.Height * header.Width];
        for (var i = 0; i < values.Length; i++)
        {
            var pixel = png.Samples.AsSpan(i * stored, stored);
            if (pixel[0] != pixel[grey - 1] || pixel[0] != pixel[grey / 2]) throw Coloured(path, [pixel[0], pixel[1], pixel[2]]);
            if (stored > grey && pixel[grey] != opaque && pixel[0] != 0)
            {
                throw new DataException(
                    $"'{path}' holds the value {pixel[0]} at a pixel of opacity {pixel[grey]} of {opaque}; "
                    + "whether it counts cannot be told. Store masks without transparency.");
            }

            isShaped |= stored > grey && pixel[grey] != png.Samples[grey];
            values[i] = pixel[0];
        }

        if (isShaped && values.AsSpan().IndexOfAnyExcept((ushort)0) < 0)
        {
            throw new DataException(
                $"'{path}' holds 0 at every pixel and differing opacities; whether these are the mask cannot be told. "
                + "Store masks without transparency.");
        }

        return new StoredMask(header.Height, header.Width, values, header.Depth);
    }

    /// <summary>Levels of 255, or of 65535 where the file has 16 bits or some are none of 255.
    /// Formats that change values change colours, too.</summary>
    private static StoredMask FromImage(ImageBuffer image, string path, bool isLossy, bool isWide)
    {
        var plane = image.Height * image.Width;
        ReadOnlySpan<float> data = image.Data;
        var wide = isWide;
        var slack = isLossy ? LossyColour / 255f : 0;
        for (var i = 0; i < plane; i++)
        {
            for (var c = 1; c < image.Channels; c++)
            {
                if (Math.Abs(data[i] - data[(c * plane) + i]) <= slack) continue;
                throw Coloured(path, [.. Enumerable.Range(0, image.Channels).Select(k => Level(image.Plane(k)[i], 255))]);
            }

            wide |= Math.Abs((data[i] * 255) - MathF.Round(data[i] * 255)) > 1e-3f;
        }

        var values = new ushort[plane];
        for (var i = 0; i < plane; i++) values[i] = Level(data[i], wide ? 65535 : 255);
        return new StoredMask(image.Height, image.Width, values, wide ? 16 : 8);
    }

    private static ushort Level(float value, int largest) => (ushort)Math.Clamp(MathF.Round(value * largest), 0, largest);

    private static DataException Coloured(string path, ushort[] pixel) => new(
        $"'{path}' holds the colour ({string.Join(", ", pixel)}); which class a colour means cannot be told. "
        + "Store class numbers as grey levels or as indices of a palette (PNG).");

    private static bool IsLossy(ReadOnlySpan<byte> file) => file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8])
        || (file.StartsWith("RIFF"u8) && file.Length >= 12 && file[8..12].SequenceEqual("WEBP"u8) && !HasChunk(file[12..], "VP8L"u8));

    /// <summary>Whether one of the parts that follow each other, name, length, content, has a name.</summary>
    private static bool HasChunk(ReadOnlySpan<byte> parts, ReadOnlySpan<byte> name)
    {
        while (parts.Length >= ChunkHead)
        {
            if (parts[..name.Length].SequenceEqual(name)) return true;
            // Contents of odd length are filled up.
            var next = ChunkHead + (long)BinaryPrimitives.ReadUInt32LittleEndian(parts[name.Length..]);
            next += next % 2;
            if (next >= parts.Length) return false;
            parts = parts[(int)next..];
        }

        return false;
    }
}
