using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Files;
using SkiaSharp;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>JPEG row by row; BMP, WebP and GIF (first frame), which are decoded whole to bytes first.</summary>
internal sealed class SkiaRows : ImageRows
{
    private readonly SKData _data;
    private readonly SKCodec _codec;
    private readonly SKImageInfo _info;
    private readonly byte[] _row;
    private readonly bool _isWhole;
    private nint _pixels;

    /// <summary>Reads the header, and where there is no other way the pixels.</summary>
    /// <exception cref="InvalidDataException">The file is of no kind that is read, truncated, damaged, or too large.</exception>
    public unsafe SkiaRows(FileContent file)
        : this(SKData.Create((nint)file.Address, file.Length))
    {
    }

    private SkiaRows(SKData data)
        : this(data, Open(data))
    {
    }

    private SkiaRows(SKData data, SKCodec codec)
        : base(Describe(codec))
    {
        (_data, _codec) = (data, codec);
        var grey = Info.Channels == 1;
        // Without a colour space in the request, no colour is converted.
        _info = new SKImageInfo(
            Info.Width,
            Info.Height,
            grey ? SKColorType.Gray8 : SKColorType.Rgba8888,
            codec.Info.AlphaType == SKAlphaType.Opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul);
        _row = new byte[_info.RowBytes];
        try
        {
            CheckSize(Info.Width, Info.Height);
            _isWhole = codec.EncodedFormat != SKEncodedImageFormat.Jpeg || codec.StartScanlineDecode(_info) != SKCodecResult.Success;
            if (_isWhole) ReadWhole();
        }
        catch
        {
            Dispose(true);
            throw;
        }
    }

    /// <summary>Columns and rows as the header tells them.</summary>
    /// <exception cref="InvalidDataException">The file is of no kind that is read, or too large.</exception>
    public static new unsafe (int Width, int Height) SizeOf(FileContent file)
    {
        using var data = SKData.Create((nint)file.Address, file.Length);
        using var codec = Open(data);
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        CheckSize(width, height);
        return (width, height);
    }

    /// <inheritdoc/>
    protected override void ReadRow(int row, Span<float> values)
    {
        if (_isWhole) Marshal.Copy(_pixels + ((nint)row * _info.RowBytes), _row, 0, _row.Length);
        else ReadLine();
        int step = _info.BytesPerPixel, width = Info.Width;
        for (var i = 0; i < width; i++)
        {
            var opacity = step == 4 ? _row[(i * step) + 3] / 255f : 1;
            for (var c = 0; c < Info.Channels; c++) values[(c * width) + i] = _row[(i * step) + c] / 255f * opacity;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Marshal.FreeHGlobal(_pixels);
        _pixels = 0;
        _codec.Dispose();
        _data.Dispose();
        base.Dispose(disposing);
    }

    private static SKCodec Open(SKData data)
    {
        if (SKCodec.Create(data) is { } codec) return codec;
        data.Dispose();
        throw new InvalidDataException("it is no complete PNG, JPEG, BMP, WebP or GIF image, nor a TIFF");
    }

    private static ImageFileInfo Describe(SKCodec codec) =>
        new(codec.Info.ColorType == SKColorType.Gray8 ? 1 : 3, codec.Info.Height, codec.Info.Width)
        {
            Orientation = Orientations.Of((int)codec.EncodedOrigin),
            Pages = Math.Max(1, codec.FrameCount),
        };

    private unsafe void ReadLine()
    {
        fixed (byte* line = _row)
        {
            if (_codec.GetScanlines((nint)line, 1, _row.Length) != 1)
                throw new InvalidDataException("it ends before the image does, or is damaged there (truncated)");
        }
    }

    private void ReadWhole()
    {
        _pixels = Marshal.AllocHGlobal((nint)_info.BytesSize64);
        var result = _codec.GetPixels(_info, _pixels);
        if (result is SKCodecResult.IncompleteInput) throw Truncated();
        if (result is not SKCodecResult.Success) throw new InvalidDataException($"its {_codec.EncodedFormat} data is damaged ({result})");
    }
}
