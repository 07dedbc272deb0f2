using System.Buffers.Binary;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>Turns the stored samples of a PNG file into grey or RGB planes.</summary>
internal static class PngColours
{
    /// <summary>The colours of one row.</summary>
    /// <param name="samples">The row's, as stored.</param>
    /// <param name="chunks">Header, palette and transparency.</param>
    /// <param name="values">Channel by channel, in [0, 1]; transparency is composited over black.</param>
    /// <exception cref="InvalidDataException">A palette is missing, or a pixel lies outside it.</exception>
    public static void ToRow(ReadOnlySpan<ushort> samples, PngChunks chunks, Span<float> values)
    {
        var (header, palette, transparency) = (chunks.Header, chunks.Palette, chunks.Transparency);
        bool indexed = header.ColourType == 3, hasAlpha = header.ColourType is 4 or 6;
        int colours = header.IsGrey ? 1 : 3, stored = header.Samples, width = header.Width;
        if (indexed && palette.Length < 3) throw new InvalidDataException("it has palette colours but no palette");
        ReadOnlySpan<ushort> key = hasAlpha || indexed ? [] : ColourKey(transparency, colours);
        float scale = (1 << header.Depth) - 1;
        for (var i = 0; i < width; i++)
        {
            var pixel = samples.Slice(i * stored, stored);
            if (indexed)
            {
                int entry = pixel[0];
                if ((entry * 3) + 2 >= palette.Length)
                    throw new InvalidDataException($"a pixel has colour {entry} of a palette of {palette.Length / 3}");
                var opacity = entry < transparency.Length ? transparency[entry] / 255f : 1;
                for (var c = 0; c < 3; c++) values[(c * width) + i] = palette[(entry * 3) + c] / 255f * opacity;
                continue;
            }

            var alpha = hasAlpha ? pixel[colours] / scale : key.Length > 0 && pixel.SequenceEqual(key) ? 0 : 1;
            for (var c = 0; c < colours; c++) values[(c * width) + i] = pixel[c] / scale * alpha;
        }
    }

    /// <summary>The one colour that is transparent in images without alpha; empty if there is none.</summary>
    private static ushort[] ColourKey(byte[] transparency, int colours)
    {
        if (transparency.Length != 2 * colours) return [];
        var key = new ushort[colours];
        for (var c = 0; c < colours; c++) key[c] = BinaryPrimitives.ReadUInt16BigEndian(transparency.AsSpan(2 * c));
        return key;
    }
}
