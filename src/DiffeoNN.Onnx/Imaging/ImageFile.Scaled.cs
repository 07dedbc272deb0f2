using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Imaging;

public static partial class ImageFile
{
    /// <summary>Reads a file to its end and keeps nothing.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ImageException">As <see cref="Read(string)"/>.</exception>
    public static ImageFileInfo Check(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Open(path, rows =>
        {
            var row = new float[rows.Info.Channels * rows.Info.Width];
            for (var y = 0; y < rows.Info.Height; y++) rows.Read(row);
            return rows.Info;
        });
    }

    /// <summary>Reads an image as <see cref="Read(string)"/> does, and turns it as its EXIF orientation says.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ImageException">As <see cref="Read(string)"/>.</exception>
    public static ImageBuffer ReadOriented(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Open(path, rows => Orientations.Apply(rows.Info.Orientation, rows.ToImage()));
    }

    /// <summary>Reads an image, turned or as it is stored, what its EXIF orientation says,
    /// and how many bits its file has for a value.</summary>
    /// <param name="path">The file.</param>
    /// <param name="orients">Whether it is turned.</param>
    /// <exception cref="ImageException">As <see cref="Read(string)"/>.</exception>
    internal static (ImageBuffer Image, ImageOrientation Orientation, int Depth) ReadNoting(string path, bool orients) =>
        Open(path, rows => (
            Orientations.Apply(orients ? rows.Info.Orientation : ImageOrientation.Upright, rows.ToImage()),
            rows.Info.Orientation, rows.Depth));

    /// <summary>Reads an image at another size, row by row: as <see cref="Read(string)"/>, <see cref="ImageBuffer.WithChannels"/> and
    /// <see cref="ImageResampler.Resize(ImageBuffer, int, int)"/> one after the other, without the memory of the whole image.</summary>
    /// <param name="path">The file.</param>
    /// <param name="channels">1 for grey, 3 for RGB, or those of the file.</param>
    /// <param name="height">Rows wanted, at least 1.</param>
    /// <param name="width">Columns wanted, at least 1.</param>
    /// <param name="orients">Whether the image is turned as its file says; otherwise it is taken as it is stored.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    /// <exception cref="ImageException">As <see cref="Read(string)"/>, or the image cannot be brought to <paramref name="channels"/>, or
    /// has fewer than
    /// 2x2 pixels.</exception>
    public static ScaledImage ReadScaled(string path, int channels, int height, int width, bool orients = false)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        using var content = ReadContent(path);
        return DecodeScaled(content, $"'{path}'", channels, height, width, orients);
    }

    /// <summary>The same of a file's content, which stays the caller's.</summary>
    /// <param name="file">All of it.</param>
    /// <param name="name">What errors call it, in quotes where it is a path.</param>
    /// <param name="channels">1 for grey, 3 for RGB, or those of the file.</param>
    /// <param name="height">Rows wanted, at least 1.</param>
    /// <param name="width">Columns wanted, at least 1.</param>
    /// <param name="orients">Whether the image is turned as its file says.</param>
    internal static ScaledImage DecodeScaled(FileContent file, string name, int channels, int height, int width, bool orients) =>
        Open(file, name, rows =>
        {
            var info = rows.Info;
            CheckUsable(name, info, channels);
            var orientation = orients ? info.Orientation : ImageOrientation.Upright;
            var swaps = orientation.SwapsSides();
            var pixels = Orientations.Apply(orientation, Scale(rows, channels, swaps ? width : height, swaps ? height : width));
            var (rowsSeen, columnsSeen) = swaps ? (info.Width, info.Height) : (info.Height, info.Width);
            return new ScaledImage(pixels, rowsSeen, columnsSeen) { Orientation = info.Orientation };
        });

    private static void CheckUsable(string name, ImageFileInfo info, int channels)
    {
        if (info.Height < 2 || info.Width < 2)
            throw new ImageException($"{name} is {info.Width}x{info.Height} pixels; an image needs at least 2x2.");
        if (!ImageBuffer.CanBecome(info.Channels, channels))
        {
            throw new ImageException(
                $"{name} has {info.Channels} channels, and {channels} are needed; only grey and RGB become each other.");
        }
    }

    private static ImageBuffer Scale(ImageRows rows, int channels, int height, int width)
    {
        var info = rows.Info;
        var row = new ImageBuffer(info.Channels, 1, info.Width);
        RowResampler[] planes = [.. Enumerable.Range(0, channels).Select(_ => new RowResampler(info.Height, info.Width, height, width))];
        for (var y = 0; y < info.Height; y++)
        {
            rows.Read(row.Data);
            var converted = row.WithChannels(channels);
            for (var c = 0; c < channels; c++) planes[c].Add(converted.Plane(c));
        }

        var result = new ImageBuffer(channels, height, width);
        for (var c = 0; c < channels; c++) planes[c].Finish(result.Plane(c));
        return result;
    }
}
