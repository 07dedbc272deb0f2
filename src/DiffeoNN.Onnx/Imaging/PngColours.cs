using System.Buffers.Binary;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>Turns the stored samples of a PNG file into grey or RGB planes.</summary>
internal static class PngColours
{
    /// <exception cref="InvalidDataException">A palette is missing, or a pixel lies outside it.</exception>
    public static ImageBuffer ToImage(ushort[] samples, PngHeader header, byte[] palette, byte[] transparency)
    {
        bool indexed = header.ColourType == 3, grey = header.ColourType is 0 or 4, hasAlpha = header.ColourType is 4 or 6;
        int colours = grey ? 1 : 3, stored = header.Samples;
        if (indexed && palette.Length < 3) throw new InvalidDataException("it has palette colours but no palette");
        ReadOnlySpan<ushort> key = hasAlpha || indexed ? [] : ColourKey(transparency, colours);
        var image = new ImageBuffer(colours, header.Height, header.Width);
        var data = image.Data;
        int plane = header.Height * header.Width;
        float scale = (1 << header.Depth) - 1;
        for (int i = 0; i < plane; i++)
        {
            var pixel = samples.AsSpan(i * stored, stored);
            if (indexed)
            {
                int entry = pixel[0];
                if ((entry * 3) + 2 >= palette.Length) throw new InvalidDataException(
                        $"a pixel has colour {entry} of a palette of {palette.Length / 3}");
                float opacity = entry < transparency.Length ? transparency[entry] / 255f : 1;
                for (int c = 0; c < 3; c++) data[(c * plane) + i] = palette[(entry * 3) + c] / 255f * opacity;
                continue;
            }

            float alpha = hasAlpha ? pixel[colours] / scale : key.Length > 0 && pixel.SequenceEqual(key) ? 0 : 1;
            for (int c = 0; c < colours; c++) data[(c * plane) + i] = pixel[c] / scale * alpha;
        }

        return image;
    }

    /// <summary>The one colour that is transparent in images without alpha; empty if there is none.</summary>
    private static ushort[] ColourKey(byte[] transparency, int colours)
    {
        if (transparency.Length != 2 * colours) return [];
        var key = new ushort[colours];
        for (int c = 0; c < colours; c++) key[c] = BinaryPrimitives.ReadUInt16BigEndian(transparency.AsSpan(2 * c));
        return key;
    }
}
