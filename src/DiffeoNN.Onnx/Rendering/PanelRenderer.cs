using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using SkiaSharp;

namespace DiffeoNN.Onnx.Rendering;

/// <summary>Draws panels: rows of titled pictures with overlays and text, as one image.</summary>
/// <remarks>Needs no installed font and no display; the same input gives the same picture.</remarks>
public static class PanelRenderer
{
    private const int Margin = 20;
    private const int Gap = 14;
    private const float HeadingSize = 13;
    private const float TitleSize = 9.5f;
    private const float FooterSize = 8.5f;
    private const int FooterLine = 20;
    private const int HeadingHeight = 32;
    private const int TitleHeight = 20;

    private static readonly SKColor Ink = new(0x24, 0x29, 0x2F);
    private static readonly SKColor Quiet = new(0x57, 0x60, 0x6A);

    /// <summary>Draws a panel and writes it as PNG.</summary>
    /// <param name="path">File to create or replace.</param>
    /// <param name="rows">At least one, each with at least one tile.</param>
    /// <param name="options">Sizes and texts.</param>
    /// <exception cref="ArgumentException">There is nothing to draw.</exception>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<PanelRow> rows, PanelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        Write([path], rows, options);
    }

    /// <summary>Draws a panel once and writes it as several PNG files.</summary>
    /// <param name="paths">Files to create or replace.</param>
    /// <param name="rows">At least one, each with at least one tile.</param>
    /// <param name="options">Sizes and texts; defaults if null.</param>
    /// <exception cref="ArgumentException">There is nothing to draw.</exception>
    /// <exception cref="OutputException">A file cannot be written.</exception>
    public static void Write(IReadOnlyCollection<string> paths, IReadOnlyList<PanelRow> rows, PanelOptions? options)
    {
        ArgumentNullException.ThrowIfNull(paths);
        using var bitmap = Draw(rows, options ?? new PanelOptions());
        foreach (var path in paths) ImageFile.WritePng(path, bitmap);
    }

    /// <summary>Draws a panel.</summary>
    /// <param name="rows">At least one, each with at least one tile.</param>
    /// <param name="options">Sizes and texts.</param>
    /// <returns>An RGB image.</returns>
    /// <exception cref="ArgumentException">There is nothing to draw.</exception>
    public static ImageBuffer Render(IReadOnlyList<PanelRow> rows, PanelOptions? options = null)
    {
        using var bitmap = Draw(rows, options ?? new PanelOptions());
        return FromBitmap(bitmap);
    }

    /// <summary>Draws one tile without its title: its image and what lies over it, for pages that write titles themselves.</summary>
    /// <param name="tile">The tile.</param>
    /// <param name="options">Its size, and lines of its grid.</param>
    /// <returns>An RGB image of <see cref="PanelOptions.SizeOf"/>.</returns>
    public static ImageBuffer RenderTile(PanelTile tile, PanelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tile);
        options ??= new PanelOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.TileSize, 32);
        using var bitmap = TilePainter.Paint(tile, options);
        return FromBitmap(bitmap);
    }

    private static SKBitmap Draw(IReadOnlyList<PanelRow> rows, PanelOptions options)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count == 0 || rows.Any(row => row.Tiles.Count == 0))
            throw new ArgumentException("A panel needs at least one row, and a row at least one tile.", nameof(rows));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.TileSize, 32);
        var pictures = rows.Select(row => row.Tiles.Select(tile => TilePainter.Paint(tile, options)).ToArray()).ToArray();
        try
        {
            return Compose(rows, pictures, options);
        }
        finally
        {
            foreach (var picture in pictures.SelectMany(row => row)) picture.Dispose();
        }
    }

    private static SKBitmap Compose(IReadOnlyList<PanelRow> rows, SKBitmap[][] pictures, PanelOptions options)
    {
        var columns = pictures.Max(row => row.Length);
        int[] widths = [.. Enumerable.Range(0, columns).Select(i => pictures.Max(row => i < row.Length ? row[i].Width : 0))];
        var width = (2 * Margin) + widths.Sum() + ((columns - 1) * Gap);
        var top = Margin + (options.Heading is null ? 0 : HeadingHeight);
        var rowHeights = Enumerable.Range(0, rows.Count).Sum(i => RowHeight(i, rows, pictures, options));
        var legend = PanelLegend.Of(rows, options);
        var height = top + rowHeights - Gap + legend.HeightIn(width - (2 * Margin)) + Margin;
        var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(SKColors.White);
        if (options.Heading is not null)
        {
            var heading = StrokeFont.Fit(options.Heading, HeadingSize, width - (2 * Margin));
            StrokeFont.Draw(canvas, heading, Margin, Margin + HeadingSize, HeadingSize, Ink);
        }

        for (var i = 0; i < rows.Count; i++)
        {
            DrawRow(canvas, rows[i], pictures[i], widths, top, HasTitles(i, options), width);
            top += RowHeight(i, rows, pictures, options);
        }

        legend.Draw(canvas, Margin, top - Gap + 18, width - (2 * Margin), Quiet);
        canvas.Flush();
        return bitmap;
    }

    private static bool HasTitles(int row, PanelOptions options) => row == 0 || !options.TitlesOnce;

    private static int RowHeight(int i, IReadOnlyList<PanelRow> rows, SKBitmap[][] pictures, PanelOptions options) =>
        (HasTitles(i, options) ? TitleHeight : 0) + pictures[i].Max(picture => picture.Height) + FooterHeight(rows[i]) + Gap;

    private static int FooterHeight(PanelRow row) => row.Footer is null ? 0 : 6 + (FooterLine * row.Footer.Split('\n').Length);

    private static void DrawRow(SKCanvas canvas, PanelRow row, SKBitmap[] pictures, int[] widths, int top, bool withTitles, int width)
    {
        int left = Margin, pictureTop = top + (withTitles ? TitleHeight : 0);
        using var frame = new SKPaint { Color = new SKColor(0, 0, 0, 0x40), Style = SKPaintStyle.Stroke, StrokeWidth = 1 };
        for (var i = 0; i < pictures.Length; i++)
        {
            if (withTitles)
            {
                var title = StrokeFont.Fit(row.Tiles[i].Title, TitleSize, widths[i]);
                StrokeFont.Draw(canvas, title, left, top + TitleSize + 1, TitleSize, Ink);
            }

            canvas.DrawBitmap(pictures[i], left, pictureTop, SKSamplingOptions.Default);
            canvas.DrawRect(left + 0.5f, pictureTop + 0.5f, pictures[i].Width - 1, pictures[i].Height - 1, frame);
            left += widths[i] + Gap;
        }

        if (row.Footer is null) return;
        var baseline = pictureTop + pictures.Max(picture => picture.Height) + 8 + FooterSize;
        foreach (var line in row.Footer.Split('\n'))
        {
            StrokeFont.Draw(canvas, StrokeFont.Fit(line, FooterSize, width - (2 * Margin)), Margin, baseline, FooterSize, Quiet);
            baseline += FooterLine;
        }
    }

    /// <summary>An RGB image of a bitmap of type RGBA8888.</summary>
    internal static ImageBuffer FromBitmap(SKBitmap bitmap)
    {
        var image = new ImageBuffer(3, bitmap.Height, bitmap.Width);
        ReadOnlySpan<byte> bytes = bitmap.GetPixelSpan();
        for (var row = 0; row < bitmap.Height; row++)
            for (var column = 0; column < bitmap.Width; column++)
                for (var c = 0; c < 3; c++)
                    image[c, row, column] = bytes[(row * bitmap.RowBytes) + (4 * column) + c] / 255f;
        return image;
    }
}
