using SkiaSharp;

namespace DiffeoNN.Onnx.Rendering;

/// <summary>
/// A small font of strokes, so that pictures carry text on systems without any installed font, where SkiaSharp draws none,
/// and look the same everywhere.
/// </summary>
internal static class StrokeFont
{
    private const int CapHeight = 12;
    private const float LetterGap = 4;
    private const float WordGap = 5;
    private const float CornerRadius = 3.5f;
    private const float Weight = 1.75f;

    /// <summary>Width of a line of text in pixels.</summary>
    /// <param name="text">Characters without a glyph count as a box.</param>
    /// <param name="capHeight">Height of capitals in pixels.</param>
    public static float Measure(string text, float capHeight) =>
        Math.Max(0, text.Sum(Advance) - LetterGap + Weight) * capHeight / CapHeight;

    /// <summary>Draws one line of text.</summary>
    /// <param name="canvas">Target.</param>
    /// <param name="text">Characters without a glyph are drawn as a box.</param>
    /// <param name="x">Left edge in pixels.</param>
    /// <param name="baseline">Bottom of the capitals in pixels.</param>
    /// <param name="capHeight">Height of capitals in pixels.</param>
    /// <param name="colour">Colour of the strokes.</param>
    public static void Draw(SKCanvas canvas, string text, float x, float baseline, float capHeight, SKColor colour)
    {
        var scale = capHeight / CapHeight;
        using var round = SKPathEffect.CreateCorner(CornerRadius * scale);
        using var paint = new SKPaint
        {
            Color = colour,
            IsAntialias = true,
            Style = SKPaintStyle.Stroke,
            StrokeWidth = Weight * scale,
            StrokeCap = SKStrokeCap.Round,
            StrokeJoin = SKStrokeJoin.Round,
            PathEffect = round,
        };
        // The strokes' round ends reach half their weight to the left of the first letter.
        x += Weight / 2 * scale;
        foreach (var letter in text)
        {
            foreach (var stroke in Strokes(letter).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                using var path = new SKPathBuilder();
                for (var i = 0; i < stroke.Length; i += 2)
                {
                    float px = x + (Digit(stroke[i]) * scale), py = baseline + ((Digit(stroke[i + 1]) - CapHeight) * scale);
                    if (i == 0) path.MoveTo(px, py);
                    else path.LineTo(px, py);
                }

                using var line = path.Detach();
                canvas.DrawPath(line, paint);
            }

            x += Advance(letter) * scale;
        }
    }

    /// <summary>The text, cut with dots where it is wider than a width.</summary>
    public static string Fit(string text, float capHeight, float width)
    {
        if (Measure(text, capHeight) <= width) return text;
        var length = text.Length;
        while (length > 0 && Measure(text[..length] + "...", capHeight) > width) length--;
        return text[..length] + "...";
    }

    private static string Strokes(char letter) => StrokeGlyphs.Strokes.GetValueOrDefault(letter, StrokeGlyphs.Unknown);

    private static float Advance(char letter)
    {
        if (letter == ' ') return WordGap + LetterGap - 2;
        var width = 0;
        foreach (var stroke in Strokes(letter).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            for (var i = 0; i < stroke.Length; i += 2)
                width = Math.Max(width, Digit(stroke[i]));
        return width + LetterGap;
    }

    private static int Digit(char digit) => digit <= '9' ? digit - '0' : digit - 'a' + 10;
}
