using System.Buffers.Binary;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>Reads and applies <see cref="ImageOrientation"/>.</summary>
internal static class Orientations
{
    private const ushort Tag = 0x0112;
    private const int EntrySize = 12;

    /// <summary>Whether rows become columns.</summary>
    public static bool SwapsSides(this ImageOrientation orientation) => orientation >= ImageOrientation.Transposed;

    /// <summary>The image as it is looked at.</summary>
    /// <returns>The image itself where it is upright.</returns>
    public static ImageBuffer Apply(ImageOrientation orientation, ImageBuffer stored)
    {
        if (orientation == ImageOrientation.Upright) return stored;
        var (height, width) = orientation.SwapsSides() ? (stored.Width, stored.Height) : (stored.Height, stored.Width);
        var result = new ImageBuffer(stored.Channels, height, width);
        for (var c = 0; c < stored.Channels; c++)
            for (var row = 0; row < stored.Height; row++)
                for (var column = 0; column < stored.Width; column++)
                {
                    var (y, x) = Place(orientation, row, column, stored.Height, stored.Width);
                    result[c, y, x] = stored[c, row, column];
                }

        return result;
    }

    /// <summary>Where a stored pixel is looked at.</summary>
    /// <param name="orientation">The file's.</param>
    /// <param name="row">Stored row.</param>
    /// <param name="column">Stored column.</param>
    /// <param name="height">Stored rows.</param>
    /// <param name="width">Stored columns.</param>
    public static (int Row, int Column) Place(
        ImageOrientation orientation, int row, int column, int height, int width) => orientation switch
    {
        ImageOrientation.Mirrored => (row, width - 1 - column),
        ImageOrientation.HalfTurn => (height - 1 - row, width - 1 - column),
        ImageOrientation.Flipped => (height - 1 - row, column),
        ImageOrientation.Transposed => (column, row),
        ImageOrientation.QuarterTurnClockwise => (column, height - 1 - row),
        ImageOrientation.Transversed => (width - 1 - column, height - 1 - row),
        ImageOrientation.QuarterTurnAnticlockwise => (width - 1 - column, row),
        _ => (row, column),
    };

    /// <summary>The tag of an EXIF block; upright where it has none or is malformed.</summary>
    /// <param name="exif">From the byte order mark on, as in a PNG's eXIf chunk.</param>
    public static ImageOrientation OfExif(ReadOnlySpan<byte> exif)
    {
        var little = exif.StartsWith("II*\0"u8);
        if (exif.Length < 8 || (!little && !exif.StartsWith("MM\0*"u8))) return ImageOrientation.Upright;
        var at = Long(exif[4..]);
        if (at > exif.Length - 2) return ImageOrientation.Upright;
        int entries = Short(exif[(int)at..]);
        for (long entry = at + 2; entries > 0 && entry + EntrySize <= exif.Length; entry += EntrySize, entries--)
        {
            var content = exif.Slice((int)entry, EntrySize);
            if (Short(content) == Tag) return Of(Short(content[8..]));
        }

        return ImageOrientation.Upright;

        ushort Short(ReadOnlySpan<byte> bytes) =>
            little ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
        uint Long(ReadOnlySpan<byte> bytes) =>
            little ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }

    /// <summary>A stored number; upright where it means nothing.</summary>
    public static ImageOrientation Of(int value) =>
        Enum.IsDefined((ImageOrientation)value) ? (ImageOrientation)value : ImageOrientation.Upright;
}
