using System.Globalization;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Metrics;
using SkiaSharp;

namespace DiffeoNN.Onnx.Rendering;

/// <summary>Draws box plots of scores in [0, 1]: box from first to third quartile, line at the median, diamond at the mean, whiskers to the
/// furthest value within 1.5 boxes, dots beyond.</summary>
/// <remarks>Needs no installed font and no display; the same input gives the same picture.</remarks>
public static class BoxPlotRenderer
{
    private const int Height = 460;
    private const int Column = 150;
    private const int Left = 78;
    private const int Right = 26;
    private const int Top = 62;
    private const int Bottom = 70;
    private const float BoxWidth = 70;

    private static readonly SKColor Ink = new(0x24, 0x29, 0x2F);
    private static readonly SKColor Quiet = new(0x57, 0x60, 0x6A);

    // One colour a series (Okabe and Ito), grey for the first: usually what the others are measured by.
    private static readonly SKColor[] Colours =
    [
        new(0x8C, 0x95, 0x9F), new(0xD5, 0x5E, 0x00), new(0x00, 0x72, 0xB2), new(0x00, 0x9E, 0x73),
    ];

    /// <summary>Draws a plot and writes it as PNG.</summary>
    /// <param name="path">File to create or replace.</param>
    /// <param name="heading">Written on top.</param>
    /// <param name="quantity">What the values are; written below the heading.</param>
    /// <param name="series">At least one.</param>
    /// <exception cref="ArgumentException">There is no series, or one has no values or some that are not finite.</exception>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void Write(string path, string heading, string quantity, IReadOnlyList<BoxPlotSeries> series)
    {
        ArgumentNullException.ThrowIfNull(path);
        using var bitmap = Draw(heading, quantity, series);
        ImageFile.WritePng(path, bitmap);
    }

    /// <summary>Draws a plot.</summary>
    /// <param name="heading">Written on top.</param>
    /// <param name="quantity">What the values are; written below the heading.</param>
    /// <param name="series">At least one.</param>
    /// <returns>An RGB image.</returns>
    /// <exception cref="ArgumentException">There is no series, or one has no values or some that are not finite.</exception>
    public static ImageBuffer Render(string heading, string quantity, IReadOnlyList<BoxPlotSeries> series)
    {
        using var bitmap = Draw(heading, quantity, series);
        return PanelRenderer.FromBitmap(bitmap);
    }

    private static SKBitmap Draw(string heading, string quantity, IReadOnlyList<BoxPlotSeries> series)
    {
        ArgumentNullException.ThrowIfNull(series);
        if (series.Count == 0) throw new ArgumentException("A box plot needs at least one series.", nameof(series));
        SummaryStatistics[] statistics = [.. series.Select(one => SummaryStatistics.Of(one.Values))];
        var width = Left + (Math.Max(3, series.Count) * Column) + Right;
        var axis = Axis.For(series.Min(one => one.Values.Min()), series.Max(one => one.Values.Max()));
        var bitmap = new SKBitmap(new SKImageInfo(width, Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(SKColors.White);
        StrokeFont.Draw(canvas, StrokeFont.Fit(heading, 12, width - 40), 20, 30, 12, Ink);
        StrokeFont.Draw(canvas, StrokeFont.Fit(quantity, 9, width - 40), 20, 49, 9, Quiet);
        DrawAxis(canvas, axis, width);
        var step = (width - Left - Right) / (float)series.Count;
        for (var i = 0; i < series.Count; i++)
            DrawBox(canvas, axis, Left + ((i + 0.5f) * step), series[i], statistics[i], Colours[i % Colours.Length]);
        canvas.Flush();
        return bitmap;
    }

    private static void DrawAxis(SKCanvas canvas, Axis axis, int width)
    {
        using var line = new SKPaint { Color = new SKColor(0xD8, 0xDE, 0xE4), Style = SKPaintStyle.Stroke, StrokeWidth = 1 };
        foreach (var tick in axis.Ticks())
        {
            var y = (float)Math.Round(axis.Place(tick)) + 0.5f;
            canvas.DrawLine(Left, y, width - Right, y, line);
            var text = tick.ToString(axis.Step < 0.1 ? "F2" : "F1", CultureInfo.InvariantCulture);
            StrokeFont.Draw(canvas, text, Left - 12 - StrokeFont.Measure(text, 9), y + 4.5f, 9, Quiet);
        }
    }

    private static void DrawBox(SKCanvas canvas, Axis axis, float x, BoxPlotSeries series, SummaryStatistics found, SKColor colour)
    {
        var reach = 1.5 * (found.ThirdQuartile - found.FirstQuartile);
        var low = series.Values.Where(value => value >= found.FirstQuartile - reach).Min();
        var high = series.Values.Where(value => value <= found.ThirdQuartile + reach).Max();
        float top = axis.Place(found.ThirdQuartile), bottom = axis.Place(found.FirstQuartile),
            left = x - (BoxWidth / 2), right = x + (BoxWidth / 2);
        using var edge = new SKPaint { Color = colour, Style = SKPaintStyle.Stroke, StrokeWidth = 1.6f, IsAntialias = true };
        using var median = new SKPaint { Color = colour, Style = SKPaintStyle.Stroke, StrokeWidth = 3, IsAntialias = true };
        using var fill = new SKPaint { Color = colour.WithAlpha(0x40), IsAntialias = true };
        using var dot = new SKPaint { Color = colour.WithAlpha(0xA0), IsAntialias = true };
        using var ink = new SKPaint { Color = Ink, IsAntialias = true };
        foreach (var value in series.Values.Where(value => value < low || value > high))
            canvas.DrawCircle(x, axis.Place(value), 2.6f, dot);
        canvas.DrawLine(x, axis.Place(high), x, top, edge);
        canvas.DrawLine(x, bottom, x, axis.Place(low), edge);
        foreach (var end in new[] { low, high }) canvas.DrawLine(x - 14, axis.Place(end), x + 14, axis.Place(end), edge);
        canvas.DrawRect(left, top, BoxWidth, Math.Max(1, bottom - top), fill);
        canvas.DrawRect(left, top, BoxWidth, Math.Max(1, bottom - top), edge);
        canvas.DrawLine(left, axis.Place(found.Median), right, axis.Place(found.Median), median);
        canvas.Save();
        canvas.Translate(x, axis.Place(found.Mean));
        canvas.RotateDegrees(45);
        canvas.DrawRect(-3.5f, -3.5f, 7, 7, ink);
        canvas.Restore();
        Centre(canvas, series.Name, x, Height - Bottom + 28, 10, Ink);
        Centre(canvas, string.Create(CultureInfo.InvariantCulture, $"mean {found.Mean:F3}"), x, Height - Bottom + 48, 8.5f, Quiet);
    }

    private static void Centre(SKCanvas canvas, string text, float x, float baseline, float size, SKColor colour) =>
        StrokeFont.Draw(canvas, text, x - (StrokeFont.Measure(text, size) / 2), baseline, size, colour);

    /// <summary>The vertical axis.</summary>
    private readonly record struct Axis(double Low, double High, double Step)
    {
        /// <summary>Whole steps around the values; scores end at 1.</summary>
        public static Axis For(double low, double high)
        {
            var range = Math.Max(high - low, 0.05);
            var step = new[] { 0.01, 0.02, 0.05, 0.1, 0.2 }.FirstOrDefault(
                step => range / step <= 8, Math.Pow(10, Math.Ceiling(Math.Log10(range / 8))));
            double from = Math.Floor((low / step) + 1e-9) * step, to = Math.Ceiling((high / step) - 1e-9) * step;
            return to - from < step ? new Axis(from - step, to, step) : new Axis(from, to, step);
        }

        public float Place(double value) => (float)(Top + ((High - value) / (High - Low) * (Height - Top - Bottom)));

        public IEnumerable<double> Ticks()
        {
            var count = (int)Math.Round((High - Low) / Step);
            for (var i = 0; i <= count; i++) yield return Low + (i * Step);
        }
    }
}
