using SkiaSharp;

namespace DiffeoNN.Onnx.Rendering;

/// <summary>The lines below a panel that say what colours mean.</summary>
/// <param name="Entries">In order.</param>
internal sealed record PanelLegend(IReadOnlyList<(SKColor Colour, string Text)> Entries)
{
    private const int FirstLine = 26;
    private const int FurtherLine = 18;
    private const int SwatchWidth = 23;
    private const int EntryGap = 24;
    private const float TextSize = 8.5f;

    /// <summary>Classes that the tiles show and, where there is a truth, what is answer and what truth.</summary>
    public static PanelLegend Of(IReadOnlyList<PanelRow> rows, PanelOptions options)
    {
        var tiles = rows.SelectMany(row => row.Tiles).ToList();
        var hasTruth = tiles.Any(tile => tile.Reference is not null);
        List<(SKColor Colour, string Text)> entries = [];
        if (options.Classes is { } classes)
        {
            var shown = tiles.SelectMany(tile => tile.Labels?.Present() ?? []).Where(label => label > 0).Distinct().Order();
            foreach (var label in shown)
                entries.Add((LabelOverlay.Colour(label), label < classes.Count ? classes[label] : $"class {label}"));
        }
        else if (hasTruth)
        {
            entries.Add((LabelOverlay.Colour(1), "answer"));
        }

        if (hasTruth) entries.Add((TilePainter.TruthColour, "truth"));
        return new PanelLegend(entries);
    }

    /// <summary>Height of its lines in pixels; 0 where there is nothing to say.</summary>
    /// <param name="width">Width at hand in pixels.</param>
    public int HeightIn(float width) => Entries.Count == 0 ? 0 : FirstLine + (Places(width)[^1].Line * FurtherLine);

    /// <summary>Draws it.</summary>
    /// <param name="canvas">Target.</param>
    /// <param name="left">Left edge in pixels.</param>
    /// <param name="baseline">Bottom of the first line's capitals in pixels.</param>
    /// <param name="width">Width at hand in pixels.</param>
    /// <param name="ink">Colour of the text.</param>
    public void Draw(SKCanvas canvas, float left, float baseline, float width, SKColor ink)
    {
        foreach (var ((colour, text), (x, line)) in Entries.Zip(Places(width)))
        {
            float at = left + x, bottom = baseline + (line * FurtherLine);
            using var swatch = new SKPaint { Color = colour, IsAntialias = true };
            using var edge = new SKPaint { Color = new SKColor(0, 0, 0, 0x60), Style = SKPaintStyle.Stroke, IsAntialias = true };
            canvas.DrawRoundRect(at, bottom - 9, 16, 9, 3, 3, swatch);
            canvas.DrawRoundRect(at, bottom - 9, 16, 9, 3, 3, edge);
            StrokeFont.Draw(canvas, StrokeFont.Fit(text, TextSize, width - SwatchWidth), at + SwatchWidth, bottom, TextSize, ink);
        }
    }

    private List<(float X, int Line)> Places(float width)
    {
        var places = new List<(float X, int Line)>();
        var (x, line) = (0f, 0);
        foreach (var (_, text) in Entries)
        {
            var length = SwatchWidth + StrokeFont.Measure(text, TextSize);
            if (x > 0 && x + length > width) (x, line) = (0, line + 1);
            places.Add((x, line));
            x += length + EntryGap;
        }

        return places;
    }
}
