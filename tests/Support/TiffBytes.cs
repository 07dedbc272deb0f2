using System.Buffers.Binary;
using System.IO.Compression;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>Writes TIFF files of many kinds, as simply as the format allows.</summary>
internal sealed record TiffBytes(int Width, int Height, int Samples, int Bits, int[] Values)
{
    public bool Big { get; init; }

    public int Compression { get; init; } = 1;

    public int? Photometric { get; init; }

    public bool Planar { get; init; }

    public int RowsPerStrip { get; init; } = int.MaxValue;

    public (int Width, int Height)? Tile { get; init; }

    public int Predictor { get; init; } = 1;

    public int Pages { get; init; } = 1;

    public IReadOnlyList<(int Tag, int Value)> More { get; init; } = [];

    /// <summary>The file. Values are in order (row, column, sample).</summary>
    public byte[] Encode()
    {
        var (segmentWidth, segmentHeight) = Tile ?? (Width, Math.Min(RowsPerStrip, Height));
        var segments = new List<byte[]>();
        var planes = Planar ? Samples : 1;
        for (var plane = 0; plane < planes; plane++)
            for (var top = 0; top < Height; top += segmentHeight)
                for (var left = 0; left < Width; left += segmentWidth)
                    segments.Add(Compress(
                        Segment(plane, top, left, segmentWidth, Tile is null ? Math.Min(segmentHeight, Height - top) : segmentHeight)));
        var file = new List<byte>([.. Big ? "MM\0*"u8 : "II*\0"u8, 0, 0, 0, 0]);
        var offsets = new List<int>();
        foreach (var segment in segments)
        {
            offsets.Add(file.Count);
            file.AddRange(segment);
            if (file.Count % 2 == 1) file.Add(0);
        }

        var link = 4;
        for (var page = 0; page < Pages; page++) link = Page(file, link, offsets, segments, segmentWidth, segmentHeight);
        return [.. file];
    }

    private int Page(List<byte> file, int link, List<int> offsets, List<byte[]> segments, int segmentWidth, int segmentHeight)
    {
        var tags = new SortedDictionary<int, int[]>
        {
            [256] = [Width], [257] = [Height], [258] = [.. Enumerable.Repeat(Bits, Samples)], [259] = [Compression],
            [262] = [Photometric ?? (Samples >= 3 ? 2 : 1)], [277] = [Samples], [284] = [Planar ? 2 : 1], [317] = [Predictor],
            [Tile is null ? 273 : 324] = [.. offsets], [Tile is null ? 279 : 325] = [.. segments.Select(segment => segment.Length)],
        };
        if (Tile is null) tags[278] = [segmentHeight];
        else (tags[322], tags[323]) = ([segmentWidth], [segmentHeight]);
        foreach (var (tag, value) in More) tags[tag] = [value];
        var places = new Dictionary<int, int>();
        foreach (var (tag, values) in tags.Where(pair => pair.Value.Length > 1))
        {
            places[tag] = file.Count;
            foreach (var value in values) file.AddRange(Number(value, 4));
        }

        var start = Number(file.Count, 4);
        for (var i = 0; i < 4; i++) file[link + i] = start[i];
        file.AddRange(Number(tags.Count, 2));
        foreach (var (tag, values) in tags)
        {
            file.AddRange([.. Number(tag, 2), .. Number(4, 2), .. Number(values.Length, 4),
                .. Number(places.TryGetValue(tag, out var at) ? at : values[0], 4)]);
        }

        file.AddRange(new byte[4]);
        return file.Count - 4;
    }

    private byte[] Segment(int plane, int top, int left, int width, int height)
    {
        var bytes = new List<byte>();
        var samples = Planar ? 1 : Samples;
        for (var row = top; row < top + height; row++)
        {
            var line = new int[width * samples];
            for (var column = 0; column < width; column++)
                for (var s = 0; s < samples; s++)
                    if (row < Height && left + column < Width)
                        line[(column * samples) + s] = Values[(((row * Width) + left + column) * Samples) + (Planar ? plane : s)];
            for (var i = line.Length - 1; Predictor == 2 && i >= samples; i--) line[i] = (line[i] - line[i - samples]) & ((1 << Bits) - 1);
            foreach (var value in line) bytes.AddRange(Bits == 8 ? [(byte)value] : Bits == 16 ? Number(value, 2) : Number(value, 4));
        }

        return [.. bytes];
    }

    private byte[] Compress(byte[] bytes)
    {
        switch (Compression)
        {
            case 8 or 32946:
                using (var compressed = new MemoryStream())
                {
                    using (var deflate = new ZLibStream(compressed, CompressionMode.Compress, leaveOpen: true)) deflate.Write(bytes);
                    return compressed.ToArray();
                }

            case 32773: // runs of one value, and the rest as it is
                var packed = new List<byte>();
                for (var i = 0; i < bytes.Length;)
                {
                    var run = 1;
                    while (i + run < bytes.Length && run < 128 && bytes[i + run] == bytes[i]) run++;
                    packed.AddRange(run > 1 ? [(byte)(257 - run), bytes[i]] : [0, bytes[i]]);
                    i += run;
                }

                return [.. packed];
            case 5: // clearing before every 250 codes keeps all codes at 9 bits
                return Lzw(bytes);
            default:
                return bytes;
        }
    }

    private static byte[] Lzw(byte[] bytes)
    {
        var bits = new List<bool>();
        for (var i = 0; i < bytes.Length; i++)
        {
            if (i % 250 == 0) Add(256);
            Add(bytes[i]);
        }

        Add(257);
        while (bits.Count % 8 != 0) bits.Add(false);
        return [.. bits.Chunk(8).Select(chunk => (byte)chunk.Aggregate(0, (sum, bit) => (2 * sum) + (bit ? 1 : 0)))];

        void Add(int code)
        {
            for (var bit = 8; bit >= 0; bit--) bits.Add(((code >> bit) & 1) == 1);
        }
    }

    private byte[] Number(int value, int size)
    {
        var bytes = new byte[4];
        if (Big) BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        else BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return Big ? bytes[(4 - size)..] : bytes[..size];
    }
}
