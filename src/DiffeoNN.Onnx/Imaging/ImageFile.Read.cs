using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Imaging;

public static partial class ImageFile
{
    /// <summary>Largest number of pixels that is read: 100 million.</summary>
    public const int MaximumPixels = 100_000_000;

    /// <summary>Reads PNG (1 to 16 bits, full precision), JPEG, BMP, WebP, GIF (first frame) or TIFF (first page, 8 or 16 bits, grey or
    /// RGB, uncompressed or by
    /// LZW, Deflate or PackBits).</summary>
    /// <param name="path">The file.</param>
    /// <returns>One channel for grey files, three (red, green, blue) for all others, in [0, 1].</returns>
    /// <remarks>
    /// Values are those stored in the file divided by the largest that fits its depth:
    /// gamma, colour profiles and EXIF orientation are ignored, because networks are trained on stored values.
    /// Transparency is composited over black.
    /// </remarks>
    /// <exception cref="ImageException">The file is missing, empty, truncated, damaged or of no supported format.</exception>
    public static ImageBuffer Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Open(path, rows => rows.ToImage());
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
        using var bytes = new MemoryStream();
        try
        {
            stream.CopyTo(bytes);
        }
        catch (IOException e)
        {
            throw new ImageException($"The stream cannot be read: {e.Message}", e);
        }

        return Decode(bytes.GetBuffer().AsSpan(0, (int)bytes.Length), "The stream");
    }

    /// <summary>Reads an image and brings it to a number of channels, see <see cref="ImageBuffer.WithChannels"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="channels">1 for grey, 3 for RGB.</param>
    /// <exception cref="ImageException">As <see cref="Read(string)"/>, or the file's channels cannot be brought to
    /// <paramref name="channels"/>.</exception>
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
    internal static ImageBuffer Decode(ReadOnlySpan<byte> file, string name)
    {
        using var content = FileContent.Copy(file);
        return Decode(content, name);
    }

    /// <summary>Decodes a file's content, which stays the caller's.</summary>
    /// <param name="file">All of it.</param>
    /// <param name="name">What errors call it, in quotes where it is a path.</param>
    internal static ImageBuffer Decode(FileContent file, string name) => Open(file, name, rows => rows.ToImage());

    /// <summary>What a file's header says, before anything is taken for its pixels.</summary>
    /// <param name="file">All of it; stays the caller's.</param>
    /// <param name="name">What errors call it, in quotes where it is a path.</param>
    /// <returns>Columns and rows as they are stored.</returns>
    /// <exception cref="ImageException">It is no image that is read, or has more than <see cref="MaximumPixels"/>.</exception>
    internal static (int Width, int Height) SizeOf(FileContent file, string name)
    {
        if (file.Length == 0) throw new ImageException($"{name} is empty; expected an image.");
        try
        {
            return ImageRows.SizeOf(file);
        }
        catch (InvalidDataException e)
        {
            throw new ImageException($"{name} cannot be read: {e.Message}.", e);
        }
    }

    private static T Open<T>(string path, Func<ImageRows, T> read)
    {
        using var content = ReadContent(path);
        return Open(content, $"'{path}'", read);
    }

    private static T Open<T>(FileContent file, string name, Func<ImageRows, T> read)
    {
        if (file.Length == 0) throw new ImageException($"{name} is empty; expected an image.");
        try
        {
            using var rows = ImageRows.Open(file);
            return read(rows);
        }
        catch (InvalidDataException e)
        {
            throw new ImageException($"{name} cannot be read: {e.Message}.", e);
        }
    }

    /// <summary>A file's bytes; the caller disposes them.</summary>
    /// <exception cref="ImageException">It is missing, a folder, or cannot be read.</exception>
    internal static FileContent ReadContent(string path)
    {
        if (Directory.Exists(path)) throw new ImageException($"'{path}' is a folder; expected an image file.");
        try
        {
            return FileContent.Read(path);
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
}
