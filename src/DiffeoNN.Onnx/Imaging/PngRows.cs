using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>A PNG file row by row; the samples of an interlaced one, whose rows come in seven passes, are read whole first.</summary>
internal sealed class PngRows : ImageRows
{
    private readonly PngChunks _chunks;
    private readonly PngHeader _header;
    private readonly ushort[] _samples;
    private readonly Stream? _rows;
    private byte[] _line;
    private byte[] _above;

    /// <summary>Reads and checks the chunks.</summary>
    /// <exception cref="InvalidDataException">The file is truncated, malformed, or too large.</exception>
    public PngRows(FileContent file)
        : this(PngChunks.Read(file))
    {
    }

    private PngRows(PngChunks chunks)
        : base(new ImageFileInfo(chunks.Header.IsGrey ? 1 : 3, chunks.Header.Height, chunks.Header.Width)
        {
            Orientation = Orientations.OfExif(chunks.Exif),
        })
    {
        (_chunks, _header) = (chunks, chunks.Header);
        var length = 1 + PngScanlines.RowBytes(_header, _header.Width);
        (_line, _above) = (new byte[length], new byte[length]);
        _samples = _header.Interlaced ? PngScanlines.Read(chunks) : new ushort[_header.Width * _header.Samples];
        _rows = _header.Interlaced ? null : chunks.OpenRows();
    }

    /// <inheritdoc/>
    public override int Depth => _header.Depth;

    /// <inheritdoc/>
    protected override void ReadRow(int row, Span<float> values)
    {
        var count = _header.Width * _header.Samples;
        if (_rows is not null) ReadLine(_rows);
        PngColours.ToRow(_samples.AsSpan(_rows is null ? row * count : 0, count), _chunks, values);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _rows?.Dispose();
        base.Dispose(disposing);
    }

    private void ReadLine(Stream rows)
    {
        PngChunks.Fill(rows, _line);
        PngScanlines.Unfilter(_line[0], _line.AsSpan(1), _above.AsSpan(1), _header);
        for (var i = 0; i < _samples.Length; i++) _samples[i] = PngScanlines.Sample(_line.AsSpan(1), i, _header.Depth);
        (_line, _above) = (_above, _line);
    }
}
