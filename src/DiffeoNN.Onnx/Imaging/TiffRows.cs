using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>The first page of a TIFF file row by row; a row of strips or tiles is in memory at a time, of uncompressed ones
/// nothing.</summary>
internal sealed class TiffRows : ImageRows
{
    private readonly FileContent _file;
    private readonly TiffDirectory _page;
    private readonly byte[][] _segments;
    private readonly int _bytes;
    private int _loaded = -1;

    /// <summary>Reads and checks the first page's tags.</summary>
    /// <exception cref="InvalidDataException">The file is truncated, malformed, too large, or of a kind that is not read.</exception>
    public TiffRows(FileContent file)
        : this(file, TiffDirectory.Read(file.Span))
    {
    }

    private TiffRows(FileContent file, TiffDirectory page)
        : base(new ImageFileInfo(page.Colours, page.Height, page.Width) { Orientation = page.Orientation, Pages = page.Pages })
    {
        (_file, _page, _bytes) = (file, page, page.Bits / 8);
        var length = IsPlain ? 0 : page.SegmentWidth * page.SegmentHeight * _bytes * (page.IsPlanar ? 1 : page.Samples);
        _segments = [.. Enumerable.Range(0, page.Across * (page.IsPlanar ? page.Samples : 1)).Select(_ => new byte[length])];
    }

    /// <inheritdoc/>
    public override int Depth => _page.Bits;

    // Not in need of any decoder, and often one strip of the size of the image.
    private bool IsPlain => _page.Compression == 1;

    /// <inheritdoc/>
    protected override void ReadRow(int row, Span<float> values)
    {
        if (!IsPlain && row / _page.SegmentHeight != _loaded) Load(row / _page.SegmentHeight);
        float scale = (1 << _page.Bits) - 1;
        for (var column = 0; column < _page.Width; column++)
        {
            var alpha = _page.Alpha ? Sample(row, column, _page.Colours) / scale : 1;
            for (var c = 0; c < _page.Colours; c++)
            {
                var sample = Sample(row, column, c);
                values[(c * _page.Width) + column] = (_page.Photometric == 0 ? scale - sample : sample) / scale * alpha;
            }
        }
    }

    private int Sample(int row, int column, int sample)
    {
        int plane = _page.IsPlanar ? sample : 0, samples = _page.IsPlanar ? 1 : _page.Samples, within = _page.IsPlanar ? 0 : sample;
        int y = row % _page.SegmentHeight, x = column % _page.SegmentWidth;
        var at = (((((long)y * _page.SegmentWidth) + x) * samples) + within) * _bytes;
        if (IsPlain)
        {
            var segment = (((plane * _page.Down) + (row / _page.SegmentHeight)) * _page.Across) + (column / _page.SegmentWidth);
            if (at + _bytes > _page.Counts[segment]) throw Truncated();
            var stored = _file.Span[(int)(_page.Offsets[segment] + at)..];
            return _bytes == 1 ? stored[0] : _page.IsLittle ? stored[0] | (stored[1] << 8) : (stored[0] << 8) | stored[1];
        }

        var decoded = _segments[(plane * _page.Across) + (column / _page.SegmentWidth)].AsSpan((int)at);
        return _bytes == 1 ? decoded[0] : MemoryMarshal.Read<ushort>(decoded);
    }

    private void Load(int down)
    {
        var rows = _page.IsTiled ? _page.SegmentHeight : Math.Min(_page.SegmentHeight, _page.Height - (down * _page.SegmentHeight));
        var planes = _page.IsPlanar ? _page.Samples : 1;
        for (var plane = 0; plane < planes; plane++)
        {
            for (var across = 0; across < _page.Across; across++)
            {
                var target = _segments[(plane * _page.Across) + across];
                var index = (((plane * _page.Down) + down) * _page.Across) + across;
                TiffSegment.Decode(_file, _page, index, target, target.Length / _page.SegmentHeight * rows);
            }
        }

        _loaded = down;
    }
}
