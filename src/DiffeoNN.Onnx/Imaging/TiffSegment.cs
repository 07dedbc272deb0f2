using System.Buffers.Binary;
using BitMiracle.LibTiff.Classic;
using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>One strip or tile of a TIFF file as a TIFF file of its own, with a directory that this class writes: the library that decodes
/// it meets no
/// tag, offset or size that was not checked.</summary>
internal sealed class TiffSegment : TiffStream
{
    private const string Name = "diffeonn";
    private const int DirectoryAt = 8;
    private const int EntrySize = 12;
    private static readonly Lock Installing = new();
    private static bool _isQuiet;

    private readonly FileContent _file;
    private readonly long _offset;
    private readonly byte[] _head;
    private readonly int _count;
    private long _position;

    private TiffSegment(FileContent file, TiffDirectory page, int index)
    {
        (_file, _offset, _count) = (file, page.Offsets[index], (int)page.Counts[index]);
        var samples = page.IsPlanar ? 1 : page.Samples;
        // Of RGB the library wants three samples, so the segment is called grey with further samples.
        (TiffTagNumber Tag, long Value)[] tags =
        [
            (TiffTagNumber.Width, page.SegmentWidth),
            (TiffTagNumber.Height, page.SegmentHeight),
            (TiffTagNumber.BitsPerSample, page.Bits),
            (TiffTagNumber.Compression, page.Compression),
            (TiffTagNumber.Photometric, 1),
            (TiffTagNumber.StripOffsets, 0),
            (TiffTagNumber.SamplesPerPixel, samples),
            (TiffTagNumber.RowsPerStrip, page.SegmentHeight),
            (TiffTagNumber.StripByteCounts, _count),
            (TiffTagNumber.PlanarConfiguration, 1),
            (TiffTagNumber.Predictor, page.Predictor),
        ];
        if (page.Compression == 32773) tags = tags[..^1]; // PackBits has no predictor
        _head = new byte[DirectoryAt + 2 + (tags.Length * EntrySize) + 4];
        (page.IsLittle ? "II*\0"u8 : "MM\0*"u8).CopyTo(_head);
        Write(4, DirectoryAt, 4);
        Write(DirectoryAt, tags.Length, 2);
        for (var i = 0; i < tags.Length; i++)
        {
            var (tag, value) = tags[i];
            var at = DirectoryAt + 2 + (i * EntrySize);
            Write(at, (int)tag, 2);
            var isShort = tag is TiffTagNumber.BitsPerSample or TiffTagNumber.Compression or TiffTagNumber.Photometric
                or TiffTagNumber.SamplesPerPixel or TiffTagNumber.PlanarConfiguration or TiffTagNumber.Predictor;
            Write(at + 2, isShort ? 3 : 4, 2);
            Write(at + 4, 1, 4);
            Write(at + 8, tag == TiffTagNumber.StripOffsets ? _head.Length : value, isShort ? 2 : 4);
        }

        void Write(int at, long value, int size)
        {
            var target = _head.AsSpan(at, size);
            if (size == 2 && page.IsLittle) BinaryPrimitives.WriteUInt16LittleEndian(target, (ushort)value);
            else if (size == 2) BinaryPrimitives.WriteUInt16BigEndian(target, (ushort)value);
            else if (page.IsLittle) BinaryPrimitives.WriteUInt32LittleEndian(target, (uint)value);
            else BinaryPrimitives.WriteUInt32BigEndian(target, (uint)value);
        }
    }

    /// <summary>Decodes a segment.</summary>
    /// <param name="file">The file.</param>
    /// <param name="page">Its checked page.</param>
    /// <param name="index">Which segment.</param>
    /// <param name="target">Receives its rows; 16 bit samples in this machine's order.</param>
    /// <param name="needed">How many bytes of it must come: the last strip of a page may be shorter than the others.</param>
    /// <exception cref="InvalidDataException">It is damaged, or ends before.</exception>
    public static void Decode(FileContent file, TiffDirectory page, int index, byte[] target, int needed)
    {
        BeQuiet();
        int read;
        try
        {
            using var tiff = Tiff.ClientOpen(Name, "r", null!, new TiffSegment(file, page, index));
            read = tiff?.ReadEncodedStrip(0, target, 0, needed) ?? -1;
        }
        catch (Exception e)
        {
            // Whatever the decoder stumbles over, the file is to blame: it was given nothing else that is not checked.
            throw new InvalidDataException("its TIFF data is damaged", e);
        }

        if (read < needed) throw new InvalidDataException("its TIFF data is damaged or ends before the image does (truncated)");
    }

    /// <inheritdoc/>
    public override int Read(object clientData, byte[] buffer, int offset, int count)
    {
        var done = 0;
        if (_position < _head.Length)
        {
            done = (int)Math.Min(count, _head.Length - _position);
            _head.AsSpan((int)_position, done).CopyTo(buffer.AsSpan(offset));
        }

        var at = _position + done - _head.Length;
        if (done < count && at >= 0 && at < _count)
        {
            var more = (int)Math.Min(count - done, _count - at);
            _file.Span.Slice((int)(_offset + at), more).CopyTo(buffer.AsSpan(offset + done));
            done += more;
        }

        _position += done;
        return done;
    }

    /// <inheritdoc/>
    public override void Write(object clientData, byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(object clientData, long offset, SeekOrigin origin) => _position = Math.Max(0, origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => _position + offset,
        _ => Size(clientData) + offset,
    });

    /// <inheritdoc/>
    public override void Close(object clientData)
    {
    }

    /// <inheritdoc/>
    public override long Size(object clientData) => _head.Length + (long)_count;

    /// <summary>The library prints what it finds wrong on standard error unless it is told otherwise; whoever else uses it keeps
    /// that.</summary>
    private static void BeQuiet()
    {
        lock (Installing)
        {
            if (_isQuiet) return;
            var quiet = new QuietHandler();
            quiet.Others = Tiff.SetErrorHandler(quiet);
            _isQuiet = true;
        }
    }

    private sealed class QuietHandler : TiffErrorHandler
    {
        public TiffErrorHandler? Others { get; set; }

        public override void ErrorHandler(Tiff tif, string module, string fmt, params object[] ap)
        {
            if (!IsOurs(tif)) Others?.ErrorHandler(tif, module, fmt, ap);
        }

        public override void ErrorHandlerExt(Tiff tif, object clientData, string module, string fmt, params object[] ap)
        {
            if (!IsOurs(tif)) Others?.ErrorHandlerExt(tif, clientData, module, fmt, ap);
        }

        public override void WarningHandler(Tiff tif, string module, string fmt, params object[] ap)
        {
            if (!IsOurs(tif)) Others?.WarningHandler(tif, module, fmt, ap);
        }

        public override void WarningHandlerExt(Tiff tif, object clientData, string module, string fmt, params object[] ap)
        {
            if (!IsOurs(tif)) Others?.WarningHandlerExt(tif, clientData, module, fmt, ap);
        }

        private static bool IsOurs(Tiff? tif) => tif is null || tif.FileName() == Name;
    }
}
