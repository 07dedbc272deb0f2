using SkiaSharp;

namespace DiffeoNN.Onnx.Imaging;

public static partial class ImageFile
{
    /// <summary>Largest number of pixels that is read: 100 million.</summary>
    public const int MaximumPixels = 100_000_000;

    /// <summary>Reads PNG (1 to 16 bits, full precision), JPEG, BMP, WebP or GIF (first frame).</summary>
    /// <param name="path">The file.</param>
    /// <returns>One channel for grey files, three (red, green, blue) for all others, in [0, 1].</returns>
    /// <remarks>
    /// Values are those stored in the file divided by the largest that fits its depth: gamma, colour profiles and EXIF orientation are ignored,
    /// because networks are trained on stored values. Transparency is composited over black.
    /// </remarks>
    /// <exception cref="ImageException">The file is missing, empty, truncated, damaged or of no supported format.</exception>
    public static ImageBuffer Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Decode(ReadBytes(path), $"'{path}'");
    }

    /// <summary>Reads an image from a stream, as <see cref="Read(string)"/> does from a file.</summary>
    /// <param name="stream">Read from where it stands to its end, and left open; it need not be seekable.</param>
    /// <exception cref="ArgumentException">The stream cannot be read.</exception>
    /// <exception cref="ImageException">Content is empty, truncated, damaged or of no supported format, or reading failed.</exception>
    public static ImageBuffer Read(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanRead)
            throw new ArgumentException("The stream cannot be read: it was opened for writing, or is closed.", nameof(stream));
        using var content = new MemoryStream();
        try
        {
            stream.CopyTo(content);
        }
        catch (IOException e)
        {
            throw new ImageException($"The stream cannot be read: {e.Message}", e);
        }

        return Decode(content.ToArray(), "The stream");
    }

    /// <summary>Reads an image and brings it to a number of channels, see <see cref="ImageBuffer.WithChannels"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="channels">1 for grey, 3 for RGB.</param>
    /// <exception cref="ImageException">As <see cref="Read(string)"/>, or the file's channels cannot be brought to <paramref name="channels"/>.</exception>
    public static ImageBuffer Read(string path, int channels)
    {
        var image = Read(path);
        if (channels != image.Channels && channels is not (1 or 3))
            throw new ImageException(
                $"'{path}' has {image.Channels} channels; {channels} are expected, and only 1 (grey) and 3 (RGB) convert.");
        return image.WithChannels(channels);
    }

    /// <summary>Decodes a file's bytes.</summary>
    /// <param name="file">All of it.</param>
    /// <param name="name">What errors call it, in quotes where it is a path.</param>
    internal static ImageBuffer Decode(byte[] file, string name)
    {
        if (file.Length == 0) throw new ImageException($"{name} is empty; expected an image.");
        try
        {
            return PngReader.IsPng(file) ? PngReader.Decode(file) : DecodeWithSkia(file);
        }
        catch (InvalidDataException e)
        {
            throw new ImageException($"{name} cannot be read: {e.Message}.", e);
        }
    }

    /// <summary>A file's bytes.</summary>
    /// <exception cref="ImageException">It is missing, a folder, or cannot be read.</exception>
    internal static byte[] ReadBytes(string path)
    {
        if (Directory.Exists(path)) throw new ImageException($"'{path}' is a folder; expected an image file.");
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageException($"'{path}' does not exist.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImageException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    private static ImageBuffer DecodeWithSkia(byte[] file)
    {
        using var data = SKData.CreateCopy(file);
        using var codec = SKCodec.Create(data) ?? throw new InvalidDataException("it is no complete PNG, JPEG, BMP, WebP or GIF image");
        if ((long)codec.Info.Width * codec.Info.Height > MaximumPixels)
            throw new InvalidDataException($"it is {codec.Info.Width}x{codec.Info.Height} pixels; at most {MaximumPixels} are read");
        bool grey = codec.Info.ColorType == SKColorType.Gray8;
        // Without a colour space in the request, no colour is converted.
        var info = new SKImageInfo(
            codec.Info.Width,
            codec.Info.Height,
            grey ? SKColorType.Gray8 : SKColorType.Rgba8888,
            codec.Info.AlphaType == SKAlphaType.Opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul);
        var bytes = new byte[info.BytesSize];
        SKCodecResult result;
        unsafe
        {
            fixed (byte* pixels = bytes) result = codec.GetPixels(info, (nint)pixels);
        }

        if (result is SKCodecResult.IncompleteInput) throw new InvalidDataException("it ends before the image does (truncated)");
        if (result is not SKCodecResult.Success) throw new InvalidDataException($"its {codec.EncodedFormat} data is damaged ({result})");
        return FromBytes(bytes, info, grey ? 1 : 3);
    }

    private static ImageBuffer FromBytes(ReadOnlySpan<byte> bytes, SKImageInfo info, int channels)
    {
        var image = new ImageBuffer(channels, info.Height, info.Width);
        int step = info.BytesPerPixel, plane = info.Height * info.Width;
        var data = image.Data;
        for (int i = 0; i < plane; i++)
        {
            float opacity = step == 4 ? bytes[(i * step) + 3] / 255f : 1;
            for (int c = 0; c < channels; c++) data[(c * plane) + i] = bytes[(i * step) + c] / 255f * opacity;
        }

        return image;
    }
}
