namespace DiffeoNN.Onnx.Imaging;

/// <summary>Undoes the row filters and the interlacing of a PNG file.</summary>
internal static class PngScanlines
{
    // First column, first row, column step and row step of each pass; an image that is not interlaced is one pass.
    private static readonly (int X, int Y, int StepX, int StepY)[] Adam7 =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    private static readonly (int X, int Y, int StepX, int StepY)[] Whole = [(0, 0, 1, 1)];

    /// <summary>Bytes of all rows with their filter bytes, before compression.</summary>
    public static long ByteCount(PngHeader header)
    {
        long count = 0;
        foreach (var pass in Passes(header))
        {
            var (columns, rows) = Size(header, pass);
            if (columns > 0) count += rows * (1L + RowBytes(header, columns));
        }

        return count;
    }

    /// <summary>All samples in order (row, column, sample) as stored, 0 to 2^depth - 1.</summary>
    /// <exception cref="InvalidDataException">A row has an unknown filter, or the data is damaged or ends before.</exception>
    public static ushort[] Read(PngChunks chunks)
    {
        var header = chunks.Header;
        var samples = new ushort[(long)header.Width * header.Height * header.Samples];
        using var lines = chunks.OpenRows();
        foreach (var pass in Passes(header))
        {
            var (columns, rows) = Size(header, pass);
            if (columns == 0) continue;
            var length = 1 + RowBytes(header, columns);
            byte[] line = new byte[length], above = new byte[length];
            for (var row = 0; row < rows; row++)
            {
                PngChunks.Fill(lines, line);
                Unfilter(line[0], line.AsSpan(1), above.AsSpan(1), header);
                for (var column = 0; column < columns; column++)
                {
                    var target = ((((pass.Y + (row * pass.StepY)) * header.Width) + pass.X + (column * pass.StepX)) * header.Samples);
                    for (var s = 0; s < header.Samples; s++)
                        samples[target + s] = Sample(line.AsSpan(1), (column * header.Samples) + s, header.Depth);
                }

                (line, above) = (above, line);
            }
        }

        return samples;
    }

    /// <summary>Bytes of a row without its filter byte.</summary>
    public static int RowBytes(PngHeader header, int columns) => (int)((((long)columns * header.BitsPerPixel) + 7) / 8);

    /// <summary>One sample of a row.</summary>
    public static ushort Sample(ReadOnlySpan<byte> line, int index, int depth)
    {
        if (depth == 16) return (ushort)((line[2 * index] << 8) | line[(2 * index) + 1]);
        if (depth == 8) return line[index];
        var bit = index * depth;
        return (ushort)((line[bit / 8] >> (8 - depth - (bit % 8))) & ((1 << depth) - 1));
    }

    /// <summary>Undoes a row's filter in place.</summary>
    /// <exception cref="InvalidDataException">There is no such filter.</exception>
    public static void Unfilter(byte filter, Span<byte> line, ReadOnlySpan<byte> above, PngHeader header)
    {
        if (filter > 4) throw new InvalidDataException($"a row has the unknown filter {filter}");
        var step = Math.Max(1, header.BitsPerPixel / 8);
        for (var i = 0; i < line.Length; i++)
        {
            int left = i >= step ? line[i - step] : 0, up = above[i], corner = i >= step ? above[i - step] : 0;
            var predicted = filter switch
            {
                0 => 0,
                1 => left,
                2 => up,
                3 => (left + up) / 2,
                _ => Paeth(left, up, corner),
            };
            line[i] = (byte)(line[i] + predicted);
        }
    }

    private static (int X, int Y, int StepX, int StepY)[] Passes(PngHeader header) => header.Interlaced ? Adam7 : Whole;

    private static (int Columns, int Rows) Size(PngHeader header, (int X, int Y, int StepX, int StepY) pass) =>
        ((header.Width - pass.X + pass.StepX - 1) / pass.StepX, (header.Height - pass.Y + pass.StepY - 1) / pass.StepY);

    private static int Paeth(int left, int up, int corner)
    {
        var estimate = left + up - corner;
        int toLeft = Math.Abs(estimate - left), toUp = Math.Abs(estimate - up), toCorner = Math.Abs(estimate - corner);
        if (toLeft <= toUp && toLeft <= toCorner) return left;
        return toUp <= toCorner ? up : corner;
    }
}
