using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using SkiaSharp;

namespace DiffeoNN.Onnx.Rendering;

/// <summary>Draws one tile of a panel at its final size.</summary>
internal static class TilePainter
{
    private const float Dimmed = 0.55f;
    private const float CaptionSize = 9;

    private static readonly SKColor GridColour = new(0x5C, 0xE1, 0xE6, 0xE0);

    /// <summary>Colour of the true outline.</summary>
    public static SKColor TruthColour => SKColors.White;

    /// <summary>The tile as an opaque bitmap; the caller disposes it.</summary>
    public static SKBitmap Paint(PanelTile tile, PanelOptions options)
    {
        var (height, width) = options.SizeOf(tile.Image.Height, tile.Image.Width);
        // A picture of its own, since it is drawn into.
        var picture = ImageResampler.Fitted(tile.Image, height, width).WithChannels(3);
        if (ReferenceEquals(picture, tile.Image)) picture = picture.Clone();
        if (tile.Grid is not null)
            foreach (ref var value in picture.Data) value *= Dimmed;
        if (tile.Labels is not null) LabelOverlay.Draw(picture, tile.Labels);
        if (tile.Reference is not null) LabelOverlay.DrawOutline(picture, tile.Reference, TruthColour);
        var bitmap = ToBitmap(picture);
        using var canvas = new SKCanvas(bitmap);
        if (tile.Grid is not null) DrawGrid(canvas, tile.Grid, options.GridLines, width, height);
        if (tile.Points is not null) DrawPoints(canvas, tile.Points, width, height);
        if (tile.Boxes is not null) DrawBoxes(canvas, tile.Boxes, width, height);
        if (tile.Caption is not null) DrawCaption(canvas, tile.Caption, width, height);
        canvas.Flush();
        return bitmap;
    }

    private static void DrawGrid(SKCanvas canvas, DeformationMap map, int lines, int width, int height)
    {
        var grid = map.Grid;
        var step = (grid.LongestSide - 1) / (double)Math.Max(1, lines - 1);
        // Lines start half a remainder from the border, so that the grid sits symmetrically on the shorter side too.
        DrawLines(grid.Height, grid.Width, (row, column) => (row, column));
        DrawLines(grid.Width, grid.Height, (column, row) => (row, column));

        void DrawLines(int across, int along, Func<double, double, (double Row, double Column)> place)
        {
            using var paint = new SKPaint { Color = GridColour, IsAntialias = true, Style = SKPaintStyle.Stroke, StrokeWidth = 1.2f };
            paint.StrokeJoin = SKStrokeJoin.Round;
            var count = (int)Math.Floor(((across - 1) / step) + 1e-9);
            var start = (across - 1 - (count * step)) / 2;
            for (var i = 0; i <= count; i++)
            {
                using var builder = new SKPathBuilder();
                for (var j = 0; j < along; j++)
                {
                    var (row, column) = place(Math.Clamp(start + (i * step), 0, across - 1), j);
                    var (x, y) = Displaced(map, row, column, width, height);
                    if (j == 0) builder.MoveTo(x, y);
                    else builder.LineTo(x, y);
                }

                using var path = builder.Detach();
                canvas.DrawPath(path, paint);
            }
        }
    }

    private static (float X, float Y) Displaced(DeformationMap map, double row, double column, int width, int height)
    {
        var grid = map.Grid;
        var plane = grid.Height * grid.Width;
        var x = column + (Bilinear.Sample(map.U[..plane], grid, row, column, WarpPadding.Border) / grid.PixelSize);
        var y = row + (Bilinear.Sample(map.U[plane..], grid, row, column, WarpPadding.Border) / grid.PixelSize);
        return ((float)(0.5 + (x * (width - 1) / (grid.Width - 1))), (float)(0.5 + (y * (height - 1) / (grid.Height - 1))));
    }

    private static void DrawPoints(SKCanvas canvas, IReadOnlyList<(double X, double Y)> points, int width, int height)
    {
        var grid = new SamplingGrid(Math.Max(2, height), Math.Max(2, width));
        using var fill = new SKPaint { Color = LabelOverlay.Colour(1), IsAntialias = true };
        using var edge = new SKPaint { Color = SKColors.Black, IsAntialias = true, Style = SKPaintStyle.Stroke, StrokeWidth = 1 };
        foreach (var (x, y) in points)
        {
            float column = (float)grid.Column(x) + 0.5f, row = (float)grid.Row(y) + 0.5f;
            canvas.DrawCircle(column, row, 3.5f, fill);
            canvas.DrawCircle(column, row, 3.5f, edge);
        }
    }

    private static void DrawBoxes(
        SKCanvas canvas, IReadOnlyList<(double X0, double Y0, double X1, double Y1, int Colour, string? Text)> boxes, int width, int height)
    {
        var grid = new SamplingGrid(Math.Max(2, height), Math.Max(2, width));
        foreach (var (x0, y0, x1, y1, colour, text) in boxes)
        {
            using var line = new SKPaint
            {
                Color = LabelOverlay.Colour(Math.Max(1, colour)), IsAntialias = true, Style = SKPaintStyle.Stroke, StrokeWidth = 1.8f,
            };
            float left = (float)grid.Column(x0) + 0.5f, top = (float)grid.Row(y0) + 0.5f;
            canvas.DrawRect(left, top, (float)grid.Column(x1) + 0.5f - left, (float)grid.Row(y1) + 0.5f - top, line);
            if (text is null) continue;
            StrokeFont.Draw(
                canvas, StrokeFont.Fit(text, CaptionSize, width), left + 3, top + CaptionSize + 3, CaptionSize, line.Color);
        }
    }

    private static void DrawCaption(SKCanvas canvas, string caption, int width, int height)
    {
        var text = StrokeFont.Fit(caption, CaptionSize, width - 22);
        using var back = new SKPaint { Color = new SKColor(0, 0, 0, 0xB0), IsAntialias = true };
        canvas.DrawRoundRect(5, height - 25, StrokeFont.Measure(text, CaptionSize) + 13, 20, 4, 4, back);
        StrokeFont.Draw(canvas, text, 11.5f, height - 11, CaptionSize, SKColors.White);
    }

    private static SKBitmap ToBitmap(ImageBuffer image)
    {
        var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var bytes = bitmap.GetPixelSpan();
        ReadOnlySpan<float> red = image.Plane(0), green = image.Plane(1), blue = image.Plane(2);
        for (int row = 0, i = 0; row < image.Height; row++)
        {
            var line = bytes.Slice(row * bitmap.RowBytes, 4 * image.Width);
            for (var at = 0; at < line.Length; at += 4, i++)
            {
                line[at] = ImageFile.ToByte(red[i]);
                line[at + 1] = ImageFile.ToByte(green[i]);
                line[at + 2] = ImageFile.ToByte(blue[i]);
                line[at + 3] = 255;
            }
        }

        return bitmap;
    }
}
