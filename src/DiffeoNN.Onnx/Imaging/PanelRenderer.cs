using SkiaSharp;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>Draws panels: rows of titled pictures with overlays and text, as one image.</summary>
/// <remarks>Needs no installed font and no display; the same input gives the same picture.</remarks>
public static class PanelRenderer
{
    private const int _margin = 20;
    private const int _gap = 14;
    private const float _headingSize = 13;
    private const float _titleSize = 9.5f;
    private const float _footerSize = 8.5f;
    private const int _footerLine = 20;
    private const int _headingHeight = 32;
    private const int _titleHeight = 20;
    private const int _legendHeight = 26;

    private static readonly SKColor _ink = new(0x24, 0x29, 0x2F);
    private static readonly SKColor _quiet = new(0x57, 0x60, 0x6A);

    /// <summary>Draws a panel and writes it as PNG.</summary>
    /// <param name="path">File to create or replace.</param>
    /// <param name="rows">At least one, each with at least one tile.</param>
    /// <param name="options">Sizes and texts.</param>
    /// <exception cref="ArgumentException">There is nothing to draw.</exception>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<PanelRow> rows, PanelOptions? options = null) =>
        ImageFile.WritePng(path, Render(rows, options));

    /// <summary>Draws a panel.</summary>
    /// <param name="rows">At least one, each with at least one tile.</param>
    /// <param name="options">Sizes and texts.</param>
    /// <returns>An RGB image.</returns>
    /// <exception cref="ArgumentException">There is nothing to draw.</exception>
    public static ImageBuffer Render(IReadOnlyList<PanelRow> rows, PanelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count == 0 || rows.Any(row => row.Tiles.Count == 0))
            throw new ArgumentException("A panel needs at least one row, and a row at least one tile.", nameof(rows));
        options ??= new PanelOptions();
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

    private static ImageBuffer Compose(IReadOnlyList<PanelRow> rows, SKBitmap[][] pictures, PanelOptions options)
    {
        int columns = pictures.Max(row => row.Length);
        int[] widths = [.. Enumerable.Range(0, columns).Select(i => pictures.Max(row => i < row.Length ? row[i].Width : 0))];
        bool hasTruth = rows.Any(row => row.Tiles.Any(tile => tile.Reference is not null));
        int width = (2 * _margin) + widths.Sum() + ((columns - 1) * _gap);
        int top = _margin + (options.Heading is null ? 0 : _headingHeight);
        int rowHeights = Enumerable.Range(0, rows.Count).Sum(i => RowHeight(i, rows, pictures, options));
        int height = top + rowHeights - _gap + (hasTruth ? _legendHeight : 0) + _margin;
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(SKColors.White);
        if (options.Heading is not null)
        {
            string heading = StrokeFont.Fit(options.Heading, _headingSize, width - (2 * _margin));
            StrokeFont.Draw(canvas, heading, _margin, _margin + _headingSize, _headingSize, _ink);
        }

        for (int i = 0; i < rows.Count; i++)
        {
            DrawRow(canvas, rows[i], pictures[i], widths, top, HasTitles(i, options), width);
            top += RowHeight(i, rows, pictures, options);
        }

        if (hasTruth) DrawLegend(canvas, top - _gap + 18);
        canvas.Flush();
        return FromBitmap(bitmap);
    }

    private static bool HasTitles(int row, PanelOptions options) => row == 0 || !options.TitlesOnce;

    private static int RowHeight(int i, IReadOnlyList<PanelRow> rows, SKBitmap[][] pictures, PanelOptions options) =>
        (HasTitles(i, options) ? _titleHeight : 0) + pictures[i].Max(picture => picture.Height) + FooterHeight(rows[i]) + _gap;

    private static int FooterHeight(PanelRow row) => row.Footer is null ? 0 : 6 + (_footerLine * row.Footer.Split('\n').Length);

    private static void DrawRow(SKCanvas canvas, PanelRow row, SKBitmap[] pictures, int[] widths, int top, bool withTitles, int width)
    {
        int left = _margin, pictureTop = top + (withTitles ? _titleHeight : 0);
        using var frame = new SKPaint { Color = new SKColor(0, 0, 0, 0x40), Style = SKPaintStyle.Stroke, StrokeWidth = 1 };
        for (int i = 0; i < pictures.Length; i++)
        {
            if (withTitles)
            {
                string title = StrokeFont.Fit(row.Tiles[i].Title, _titleSize, widths[i]);
                StrokeFont.Draw(canvas, title, left, top + _titleSize + 1, _titleSize, _ink);
            }

            canvas.DrawBitmap(pictures[i], left, pictureTop, SKSamplingOptions.Default);
            canvas.DrawRect(left + 0.5f, pictureTop + 0.5f, pictures[i].Width - 1, pictures[i].Height - 1, frame);
            left += widths[i] + _gap;
        }

        if (row.Footer is null) return;
        float baseline = pictureTop + pictures.Max(picture => picture.Height) + 8 + _footerSize;
        foreach (string line in row.Footer.Split('\n'))
        {
            StrokeFont.Draw(canvas, StrokeFont.Fit(line, _footerSize, width - (2 * _margin)), _margin, baseline, _footerSize, _quiet);
            baseline += _footerLine;
        }
    }

    private static void DrawLegend(SKCanvas canvas, float baseline)
    {
        float x = _margin;
        foreach (var (colour, text) in new[] { (LabelOverlay.Colour(1), "answer"), (TilePainter.TruthColour, "truth") })
        {
            using var swatch = new SKPaint { Color = colour, IsAntialias = true };
            using var edge = new SKPaint { Color = new SKColor(0, 0, 0, 0x60), Style = SKPaintStyle.Stroke, IsAntialias = true };
            canvas.DrawRoundRect(x, baseline - 9, 16, 9, 3, 3, swatch);
            canvas.DrawRoundRect(x, baseline - 9, 16, 9, 3, 3, edge);
            StrokeFont.Draw(canvas, text, x + 23, baseline, _footerSize, _quiet);
            x += 23 + StrokeFont.Measure(text, _footerSize) + 24;
        }
    }

    private static ImageBuffer FromBitmap(SKBitmap bitmap)
    {
        var image = new ImageBuffer(3, bitmap.Height, bitmap.Width);
        ReadOnlySpan<byte> bytes = bitmap.GetPixelSpan();
        for (int row = 0; row < bitmap.Height; row++)
            for (int column = 0; column < bitmap.Width; column++)
                for (int c = 0; c < 3; c++)
                    image[c, row, column] = bytes[(row * bitmap.RowBytes) + (4 * column) + c] / 255f;
        return image;
    }
}
