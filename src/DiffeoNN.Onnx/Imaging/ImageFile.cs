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
        using var bitmap = ToBitmap(image);
        using var pixels = bitmap.PeekPixels();
        using var data = pixels.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.AllFilters, 6))
            ?? throw new ImageException($"'{path}' could not be encoded as PNG: {image.Width}x{image.Height} pixels.");
        AtomicFile.Write(path, stream => data.SaveTo(stream));
    }

    private static SKBitmap ToBitmap(ImageBuffer image)
    {
        if (image.Channels is not (1 or 3))
            throw new ArgumentException($"image has {image.Channels} channels; a PNG is written from 1 (grey) or 3 (RGB).", nameof(image));
        var type = image.Channels == 1 ? SKColorType.Gray8 : SKColorType.Rgb888x;
        var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, type, SKAlphaType.Opaque));
        Span<byte> bytes = bitmap.GetPixelSpan();
        int step = image.Channels == 1 ? 1 : 4;
        for (int row = 0; row < image.Height; row++)
            for (int column = 0; column < image.Width; column++)
            {
                int at = (row * bitmap.RowBytes) + (column * step);
                for (int c = 0; c < image.Channels; c++) bytes[at + c] = ToByte(image[c, row, column]);
                if (step == 4) bytes[at + 3] = 255;
            }

        return bitmap;
    }

    /// <summary>Nearest of 256 levels; NaN becomes black.</summary>
    internal static byte ToByte(float value) => value >= 1 ? (byte)255 : value > 0 ? (byte)((value * 255) + 0.5f) : (byte)0;
}
