using DiffeoNN.Onnx.Imaging;
using SkiaSharp;

namespace DiffeoNN.Onnx.Rendering;

/// <summary>Draws regions of a label map into an RGB image: a tint and an antialiased outline.</summary>
internal static class LabelOverlay
{
    private const float Tint = 0.28f;
    private const float Outline = 1.8f;

    // Distinguishable for the colour blind (Okabe and Ito), strongest first.
    private static readonly SKColor[] Palette =
    [
        new(0xFF, 0x8A, 0x1F), new(0x2F, 0xB4, 0xE9), new(0x1F, 0xC0, 0x8F), new(0xF0, 0xE4, 0x42), new(0xE0, 0x6F, 0xB5),
        new(0x5A, 0x8F, 0xF0),
    ];

    /// <summary>Colour of a class above 0: of the palette, then of hues that follow each other by the golden angle, so that no two are the
    /// same.</summary>
    public static SKColor Colour(int label) => label <= Palette.Length
        ? Palette[label - 1]
        : SKColor.FromHsv((label - Palette.Length) * 137.508f % 360, label % 2 == 0 ? 85 : 60, label % 3 == 0 ? 75 : 95);

    /// <summary>Tints and outlines every class but 0.</summary>
    public static void Draw(ImageBuffer image, LabelMap labels)
    {
        foreach (var label in labels.Present().Where(label => label > 0))
            Draw(image, labels, label, Colour(label), Tint);
    }

    /// <summary>Outlines every class but 0 in one colour.</summary>
    public static void DrawOutline(ImageBuffer image, LabelMap labels, SKColor colour)
    {
        foreach (var label in labels.Present().Where(label => label is > 0 and not LabelMap.Ignored))
            Draw(image, labels, label, colour, 0);
    }

    private static void Draw(ImageBuffer image, LabelMap labels, int label, SKColor colour, float tint)
    {
        var inside = Smooth(labels, label, image.Height, image.Width);
        ReadOnlySpan<float> rgb = [colour.Red / 255f, colour.Green / 255f, colour.Blue / 255f];
        for (var row = 0; row < image.Height; row++)
            for (var column = 0; column < image.Width; column++)
            {
                var value = inside[0, row, column];
                var dx = (inside[0, row, Math.Min(column + 1, image.Width - 1)] - inside[0, row, Math.Max(column - 1, 0)]) / 2;
                var dy = (inside[0, Math.Min(row + 1, image.Height - 1), column] - inside[0, Math.Max(row - 1, 0), column]) / 2;
                var slope = MathF.Sqrt((dx * dx) + (dy * dy));
                // Distance to the level 0.5 in pixels, to first order.
                var signed = slope > 1e-4f ? (value - 0.5f) / slope : value > 0.5f ? float.MaxValue : float.MinValue;
                var fill = tint * Math.Clamp(signed + 0.5f, 0, 1);
                var line = Math.Clamp((Outline / 2) + 0.5f - Math.Abs(signed), 0, 1);
                var opacity = fill + (line * (1 - fill));
                for (var c = 0; c < 3; c++) image[c, row, column] += opacity * (rgb[c] - image[c, row, column]);
            }
    }

    /// <summary>1 inside the class and 0 outside, blurred by (1, 2, 1) / 4 so that enlarged outlines do not show the pixels' corners, at
    /// the size wanted;
    /// made row by row.</summary>
    private static ImageBuffer Smooth(LabelMap labels, int label, int height, int width)
    {
        var resampler = new RowResampler(labels.Height, labels.Width, height, width);
        var line = new float[labels.Width];
        for (var row = 0; row < labels.Height; row++)
        {
            for (var column = 0; column < labels.Width; column++)
            {
                var sum = 0;
                for (var dy = -1; dy <= 1; dy++)
                    for (var dx = -1; dx <= 1; dx++)
                    {
                        int y = Math.Clamp(row + dy, 0, labels.Height - 1), x = Math.Clamp(column + dx, 0, labels.Width - 1);
                        if (labels[y, x] == label) sum += (2 - Math.Abs(dy)) * (2 - Math.Abs(dx));
                    }

                line[column] = sum / 16f;
            }

            resampler.Add(line);
        }

        var result = new ImageBuffer(1, height, width);
        resampler.Finish(result.Data);
        return result;
    }
}
