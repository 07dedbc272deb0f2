using DiffeoNN.Onnx.Files;
using SkiaSharp;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>Reads and writes image files.</summary>
public static partial class ImageFile
{
    /// <summary>Writes an 8-bit PNG, grey for one channel, RGB for three; readers see the old file or the complete new one.</summary>
    /// <param name="path">File to create or replace; its folder must exist.</param>
    /// <param name="image">Values are clamped to [0, 1] and rounded to 255 steps.</param>
    /// <exception cref="ArgumentException">The image has neither one channel nor three.</exception>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void WritePng(string path, ImageBuffer image)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(image);
        WritePng(path, image.Height, image.Width, [image]);
    }

    /// <summary>The bytes of an 8-bit PNG, grey for one channel, RGB for three.</summary>
    /// <param name="image">Values are clamped to [0, 1] and rounded to 255 steps.</param>
    /// <exception cref="ArgumentException">The image has neither one channel nor three.</exception>
    public static byte[] EncodePng(ImageBuffer image)
    {
        ArgumentNullException.ThrowIfNull(image);
        using var bitmap = Allocate(image.Channels, image.Height, image.Width);
        Copy(image, bitmap, 0);
        using var data = Encode(bitmap, "an image");
        return data.ToArray();
    }

    /// <summary>Writes an 8-bit PNG, as <see cref="WritePng(string, ImageBuffer)"/>, of an image that comes some rows at a time: memory is
    /// one byte a pixel,
    /// or four for RGB, and what the file has.</summary>
    /// <param name="path">File to create or replace; its folder must exist.</param>
    /// <param name="height">Rows in all.</param>
    /// <param name="width">Columns.</param>
    /// <param name="tiles">Rows from the top, all of that width and of one channel, or all of three.</param>
    /// <exception cref="ArgumentException">The tiles do not fit.</exception>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void WritePng(string path, int height, int width, IEnumerable<ImageBuffer> tiles)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(tiles);
        SKBitmap? bitmap = null;
        try
        {
            var done = 0;
            foreach (var tile in tiles)
            {
                bitmap ??= Allocate(tile.Channels, height, width);
                if (tile.Width != width || tile.Height > height - done || tile.Channels != (bitmap.BytesPerPixel == 1 ? 1 : 3))
                {
                    throw new ArgumentException(
                        $"A tile of {tile.Channels}x{tile.Height}x{tile.Width} does not fit at row {done} of {height}x{width}.",
                        nameof(tiles));
                }

                Copy(tile, bitmap, done);
                done += tile.Height;
            }

            if (bitmap is null || done != height)
                throw new ArgumentException($"The tiles have {done} rows; the image has {height}.", nameof(tiles));
            WritePng(path, bitmap);
        }
        finally
        {
            bitmap?.Dispose();
        }
    }

    /// <summary>Writes a 16-bit PNG, grey for one channel, RGB for three.</summary>
    /// <param name="path">File to create or replace; its folder must exist.</param>
    /// <param name="image">Values are clamped to [0, 1] and rounded to 65535 steps.</param>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    internal static void WriteWidePng(string path, ImageBuffer image)
    {
        var plane = image.Height * image.Width;
        var samples = new ushort[plane * image.Channels];
        ReadOnlySpan<float> data = image.Data;
        for (var i = 0; i < samples.Length; i++)
        {
            var value = data[(i % image.Channels * plane) + (i / image.Channels)];
            samples[i] = value >= 1 ? ushort.MaxValue : value > 0 ? (ushort)((value * ushort.MaxValue) + 0.5f) : (ushort)0;
        }

        var header = new PngHeader(image.Width, image.Height, 16, image.Channels == 1 ? 0 : 2, Interlaced: false);
        AtomicFile.Write(path, stream => PngWriter.Write(stream, header, samples, []));
    }

    /// <summary>Writes a bitmap as PNG.</summary>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    internal static void WritePng(string path, SKBitmap bitmap)
    {
        using var data = Encode(bitmap, $"'{path}'");
        AtomicFile.Write(path, stream => data.SaveTo(stream));
    }

    private static SKData Encode(SKBitmap bitmap, string name)
    {
        using var pixels = bitmap.PeekPixels();
        return pixels.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.AllFilters, 6))
            ?? throw new ImageException($"{name} could not be encoded as PNG: {bitmap.Width}x{bitmap.Height} pixels.");
    }

    private static SKBitmap Allocate(int channels, int height, int width)
    {
        if (channels is not (1 or 3))
            throw new ArgumentException($"image has {channels} channels; a PNG is written from 1 (grey) or 3 (RGB).", nameof(channels));
        return new SKBitmap(new SKImageInfo(width, height, channels == 1 ? SKColorType.Gray8 : SKColorType.Rgb888x, SKAlphaType.Opaque));
    }

    private static void Copy(ImageBuffer image, SKBitmap bitmap, int firstRow)
    {
        var bytes = bitmap.GetPixelSpan();
        var step = bitmap.BytesPerPixel;
        for (var row = 0; row < image.Height; row++)
            for (var column = 0; column < image.Width; column++)
            {
                var at = ((firstRow + row) * bitmap.RowBytes) + (column * step);
                for (var c = 0; c < image.Channels; c++) bytes[at + c] = ToByte(image[c, row, column]);
                if (step == 4) bytes[at + 3] = 255;
            }
    }

    /// <summary>Nearest of 256 levels; NaN becomes black.</summary>
    internal static byte ToByte(float value) => value >= 1 ? (byte)255 : value > 0 ? (byte)((value * 255) + 0.5f) : (byte)0;
}
