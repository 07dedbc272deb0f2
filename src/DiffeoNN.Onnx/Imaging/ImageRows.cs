using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>An image file read row by row, so that a large image need not lie in memory as floats.</summary>
/// <remarks>Values are those of <see cref="ImageFile.Read(string)"/>. Errors are <see cref="InvalidDataException"/>s that say what is
/// wrong without the
/// file's name; whoever knows the name puts it before them.</remarks>
internal abstract class ImageRows(ImageFileInfo info) : IDisposable
{
    private int _next;

    /// <summary>Size, channels and what else the file says.</summary>
    public ImageFileInfo Info { get; } = info;

    /// <summary>Bits of a value in the file, where there may be more than 8.</summary>
    public virtual int Depth => 8;

    /// <summary>Opens a file by its content.</summary>
    /// <param name="file">All of it; stays in use until the rows are disposed.</param>
    /// <exception cref="InvalidDataException">It is of no kind that is read, damaged, or too large.</exception>
    public static ImageRows Open(FileContent file) => PngReader.IsPng(file.Span) ? new PngRows(file)
        : TiffDirectory.IsTiff(file.Span) ? new TiffRows(file)
        : new SkiaRows(file);

    /// <summary>Columns and rows as the file's header tells them; no pixels are decoded, and no memory is taken for them.</summary>
    /// <param name="file">All of it.</param>
    /// <exception cref="InvalidDataException">It is of no kind that is read, or too large.</exception>
    public static (int Width, int Height) SizeOf(FileContent file)
    {
        if (PngReader.IsPng(file.Span))
        {
            var header = PngChunks.Read(file).Header;
            return (header.Width, header.Height);
        }

        if (!TiffDirectory.IsTiff(file.Span)) return SkiaRows.SizeOf(file);
        var page = TiffDirectory.Read(file.Span);
        return (page.Width, page.Height);
    }

    /// <summary>Reads the next row.</summary>
    /// <param name="values">Channel by channel, each <see cref="ImageFileInfo.Width"/> long.</param>
    /// <exception cref="InvalidDataException">The file ends before, or is damaged.</exception>
    public void Read(Span<float> values)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(_next, Info.Height, nameof(values));
        ReadRow(_next++, values);
    }

    /// <summary>All rows as an image.</summary>
    /// <exception cref="InvalidDataException">The file ends before, or is damaged.</exception>
    public ImageBuffer ToImage()
    {
        var image = new ImageBuffer(Info.Channels, Info.Height, Info.Width);
        var row = new float[Info.Channels * Info.Width];
        for (var y = 0; y < Info.Height; y++)
        {
            Read(row);
            for (var c = 0; c < Info.Channels; c++) row.AsSpan(c * Info.Width, Info.Width).CopyTo(image.Plane(c)[(y * Info.Width)..]);
        }

        return image;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Reads a row; called once for each, from the top.</summary>
    protected abstract void ReadRow(int row, Span<float> values);

    /// <summary>Frees what the file holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }

    /// <summary>Refuses sizes that are not read.</summary>
    /// <exception cref="InvalidDataException">There are more than <see cref="ImageFile.MaximumPixels"/>, or none.</exception>
    public static void CheckSize(long width, long height)
    {
        if (width < 1 || height < 1) throw new InvalidDataException($"it is {width}x{height} pixels");
        if (width > ImageFile.MaximumPixels || width * height > ImageFile.MaximumPixels)
            throw new InvalidDataException($"it is {width}x{height} pixels; at most {ImageFile.MaximumPixels} are read");
    }

    /// <summary>What is said of files that end too early.</summary>
    protected static InvalidDataException Truncated() => new("it ends before the image does (truncated)");
}
