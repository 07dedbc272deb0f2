using System.Buffers.Binary;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>The first page of a TIFF file, checked: sizes are bounded and every strip or tile lies inside the file.</summary>
/// <remarks>8 and 16 bits, grey and RGB, with or without alpha, uncompressed or by LZW, Deflate or PackBits, in strips or tiles. Adobe,
/// "TIFF Revision
/// 6.0", 1992, and its technical notes on Deflate.</remarks>
internal sealed class TiffDirectory
{
    private const int EntrySize = 12;
    private const int MaximumPages = 65536;
    private const int MaximumSegments = 1 << 22;
    private const int MaximumValues = 16;
    private const int MaximumTile = 1 << 16;
    private const long MaximumSegment = 1L << 30;

    private readonly byte[] _head;
    private readonly Dictionary<TiffTagNumber, long[]> _tags;

    private TiffDirectory(byte[] head, Dictionary<TiffTagNumber, long[]> tags, int pages)
    {
        (_head, _tags, Pages) = (head, tags, pages);
        (var width, var height) = (One(TiffTagNumber.Width, 0), One(TiffTagNumber.Height, 0));
        ImageRows.CheckSize(width, height);
        (Width, Height) = ((int)width, (int)height);
        Samples = Within(TiffTagNumber.SamplesPerPixel, 1, 1, 4, "samples a pixel");
        Bits = (int)One(TiffTagNumber.BitsPerSample, 1);
        var depths = All(TiffTagNumber.BitsPerSample, 1);
        if (Bits is not (8 or 16) || depths.Any(bits => bits != Bits))
            throw Unread($"it has {string.Join(", ", depths)} {(depths is [1] ? "bit" : "bits")} a sample", "8 or 16");
        if (All(TiffTagNumber.SampleFormat, 1).Any(format => format is not (1 or 4)))
            throw Unread("its samples are signed or floating point numbers", "unsigned ones");
        Photometric = Within(TiffTagNumber.Photometric, 1, 0, 6, "as its kind of colours");
        if (Photometric > 2) throw Unread($"its colours are of kind {Photometric} (a palette, a mask or others)", "grey and RGB");
        if (Samples < (Photometric == 2 ? 3 : 1)) throw new InvalidDataException($"it is RGB with {Samples} samples a pixel");
        if (One(TiffTagNumber.FillOrder, 1) != 1) throw Unread("its bits are in reverse order", "files of usual order");
        Compression = (int)One(TiffTagNumber.Compression, 1);
        if (Ratio == 0)
            throw Unread(
                $"its compression is number {Compression}", "uncompressed files, LZW (5), Deflate (8, 32946) and PackBits (32773)");
        Predictor = Within(TiffTagNumber.Predictor, 1, 1, 2, "as its predictor");
        IsPlanar = Within(TiffTagNumber.PlanarConfiguration, 1, 1, 2, "as the order of its samples") == 2 && Samples > 1;
        Alpha = One(TiffTagNumber.ExtraSamples, 0) == 2 && Samples == Colours + 1;
        Orientation = Orientations.Of((int)Math.Min(One(TiffTagNumber.Orientation, 1), int.MaxValue));
        IsTiled = _tags.ContainsKey(TiffTagNumber.TileWidth);
        (SegmentWidth, SegmentHeight) = IsTiled
            ? (Within(TiffTagNumber.TileWidth, 0, 16, MaximumTile, "as the width of tiles"),
                Within(TiffTagNumber.TileHeight, 0, 16, MaximumTile, "as the height of tiles"))
            : (Width, (int)Math.Clamp(One(TiffTagNumber.RowsPerStrip, Height), 1, Height));
        if ((long)Across * SegmentWidth * SegmentHeight * Samples * (Bits / 8) > MaximumSegment)
            throw new InvalidDataException("its strips or tiles are too large");
        Offsets = All(IsTiled ? TiffTagNumber.TileOffsets : TiffTagNumber.StripOffsets, -1);
        Counts = All(IsTiled ? TiffTagNumber.TileByteCounts : TiffTagNumber.StripByteCounts, -1);
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Bits a sample: 8 or 16.</summary>
    public int Bits { get; }

    /// <summary>Samples a pixel, those beyond its colours included: 1 to 4.</summary>
    public int Samples { get; }

    /// <summary>0: grey, white is zero; 1: grey, black is zero; 2: RGB.</summary>
    public int Photometric { get; }

    /// <summary>Channels of the image: 1 or 3.</summary>
    public int Colours => Photometric == 2 ? 3 : 1;

    /// <summary>Whether the sample after the colours is an opacity by which they are still to be multiplied.</summary>
    public bool Alpha { get; }

    /// <summary>1, 5, 8, 32773 or 32946.</summary>
    public int Compression { get; }

    /// <summary>2 where differences of neighbours are stored, else 1.</summary>
    public int Predictor { get; }

    /// <summary>Whether each sample has segments of its own.</summary>
    public bool IsPlanar { get; }

    /// <summary>Whether segments are tiles, not strips.</summary>
    public bool IsTiled { get; }

    /// <summary>Columns of a segment.</summary>
    public int SegmentWidth { get; }

    /// <summary>Rows of a segment.</summary>
    public int SegmentHeight { get; }

    /// <summary>Segments side by side.</summary>
    public int Across => (Width + SegmentWidth - 1) / SegmentWidth;

    /// <summary>Segments one below the other.</summary>
    public int Down => (Height + SegmentHeight - 1) / SegmentHeight;

    /// <summary>Where each segment lies in the file: row by row, for one sample after the other where they have their own.</summary>
    public long[] Offsets { get; }

    /// <summary>Bytes of each segment in the file.</summary>
    public long[] Counts { get; }

    /// <summary>What the file says of its orientation.</summary>
    public ImageOrientation Orientation { get; }

    /// <summary>Number of pages.</summary>
    public int Pages { get; }

    /// <summary>Whether numbers are stored with their lowest byte first.</summary>
    public bool IsLittle => _head[0] == (byte)'I';

    /// <summary>How much larger decoded data may be than what is stored; 0 for compressions that are not read.</summary>
    private int Ratio => Compression switch
    {
        1 => 1,
        5 => 2600,
        8 or 32946 => 1100,
        32773 => 64,
        _ => 0,
    };

    /// <summary>Whether a file starts like a TIFF.</summary>
    public static bool IsTiff(ReadOnlySpan<byte> file) =>
        file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) || file.StartsWith("II+\0"u8) || file.StartsWith("MM\0+"u8);

    /// <summary>Reads the first page's tags.</summary>
    /// <exception cref="InvalidDataException">They are malformed, or the image is of a kind that is not read.</exception>
    public static TiffDirectory Read(ReadOnlySpan<byte> file)
    {
        if (file.Length < 8) throw Truncated();
        if (file[2] == '+' || file[3] == '+') throw Unread("it is a BigTIFF", "classic TIFF files");
        var little = file[0] == (byte)'I';
        var tags = new Dictionary<TiffTagNumber, long[]>();
        long first = Long(file, 4, little), next = Directory(file, first, little, tags);
        var seen = new HashSet<long> { first };
        while (next != 0 && seen.Count < MaximumPages && next + 2 <= file.Length && seen.Add(next))
            next = Directory(file, next, little, null);
        var result = new TiffDirectory(file[..4].ToArray(), tags, seen.Count);
        result.CheckSegments(file.Length);
        return result;
    }

    private static InvalidDataException Truncated() => new("it ends before the image does (truncated)");

    private static InvalidDataException Unread(string found, string read) =>
        new($"{found}; of TIFF files {read} are read, so save it as PNG of 8 or 16 bits");

    /// <summary>Reads the tags of a directory that matter, and returns where the next one lies; 0 where there is none.</summary>
    private static long Directory(ReadOnlySpan<byte> file, long at, bool little, Dictionary<TiffTagNumber, long[]>? tags)
    {
        if (at < 8 || at + 2 > file.Length) throw new InvalidDataException("its directory lies outside the file (truncated)");
        int entries = Short(file, at, little);
        var end = at + 2 + (entries * EntrySize);
        if (tags is not null && end > file.Length) throw new InvalidDataException("its directory ends outside the file (truncated)");
        for (var entry = at + 2; tags is not null && entry < end; entry += EntrySize)
        {
            var tag = (TiffTagNumber)Short(file, entry, little);
            if (Enum.IsDefined(tag)) tags[tag] = Values(file, tag, entry, little);
        }

        return end + 4 <= file.Length ? Long(file, end, little) : 0;
    }

    private static long[] Values(ReadOnlySpan<byte> file, TiffTagNumber tag, long entry, bool little)
    {
        int type = Short(file, entry + 2, little), size = type switch
        {
            1 => 1,
            3 => 2,
            4 => 4,
            _ => 0,
        };
        long count = Long(file, entry + 4, little), place = count * size <= 4 ? entry + 8 : Long(file, entry + 8, little);
        if (size == 0) throw new InvalidDataException($"its tag {(int)tag} is of type {type}, not a whole number");
        if (count < 1 || place + (count * size) > file.Length)
            throw new InvalidDataException($"its tag {(int)tag} lies outside the file (truncated)");
        var isList = tag is TiffTagNumber.StripOffsets or TiffTagNumber.StripByteCounts
            or TiffTagNumber.TileOffsets or TiffTagNumber.TileByteCounts;
        var values = new long[Math.Min(count, isList ? MaximumSegments : MaximumValues)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = size switch
            {
                1 => file[(int)place + i],
                2 => Short(file, place + (2L * i), little),
                _ => Long(file, place + (4L * i), little),
            };
        }

        return values;
    }

    private static ushort Short(ReadOnlySpan<byte> file, long at, bool little) =>
        little ? BinaryPrimitives.ReadUInt16LittleEndian(file[(int)at..]) : BinaryPrimitives.ReadUInt16BigEndian(file[(int)at..]);

    private static uint Long(ReadOnlySpan<byte> file, long at, bool little) =>
        little ? BinaryPrimitives.ReadUInt32LittleEndian(file[(int)at..]) : BinaryPrimitives.ReadUInt32BigEndian(file[(int)at..]);

    private long[] All(TiffTagNumber tag, long otherwise) => _tags.TryGetValue(tag, out var values) ? values : [otherwise];

    private long One(TiffTagNumber tag, long otherwise) => All(tag, otherwise)[0];

    private int Within(TiffTagNumber tag, long otherwise, int lowest, int highest, string what)
    {
        var value = One(tag, otherwise);
        return value >= lowest && value <= highest
            ? (int)value
            : throw new InvalidDataException($"it has {value} {what}; expected {lowest} to {highest}");
    }

    private void CheckSegments(long length)
    {
        long expected = (long)Across * Down * (IsPlanar ? Samples : 1), stored = 0;
        if (Offsets.Length < expected || Counts.Length < expected)
        {
            var listed = Math.Min(Offsets.Length, Counts.Length);
            throw new InvalidDataException($"it lists {listed} strips or tiles; its size needs {expected}");
        }

        for (var i = 0; i < expected; i++)
        {
            if (Offsets[i] < 0 || Counts[i] < 1 || Offsets[i] + Counts[i] > length) throw Truncated();
            stored += Counts[i];
        }

        if (stored * Ratio < (long)Width * Height * Samples * (Bits / 8)) throw Truncated();
    }
}
