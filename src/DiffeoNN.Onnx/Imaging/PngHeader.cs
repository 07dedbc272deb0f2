using System.Buffers.Binary;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>Content of a PNG file's IHDR chunk.</summary>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
/// <param name="Depth">Bits a sample: 1, 2, 4, 8 or 16.</param>
/// <param name="ColourType">0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.</param>
/// <param name="Interlaced">Whether the rows come in Adam7's seven passes.</param>
internal sealed record PngHeader(int Width, int Height, int Depth, int ColourType, bool Interlaced)
{
    /// <summary>Samples a pixel in the file.</summary>
    public int Samples => ColourType switch
    {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };

    /// <summary>Whether it becomes an image of one channel.</summary>
    public bool IsGrey => ColourType is 0 or 4;

    /// <summary>Bits a pixel in the file.</summary>
    public int BitsPerPixel => Samples * Depth;

    /// <exception cref="InvalidDataException">The chunk is malformed, or the image is too large.</exception>
    public static PngHeader Parse(ReadOnlySpan<byte> content)
    {
        if (content.Length != 13) throw new InvalidDataException($"its header has {content.Length} bytes instead of 13");
        uint width = BinaryPrimitives.ReadUInt32BigEndian(content), height = BinaryPrimitives.ReadUInt32BigEndian(content[4..]);
        int depth = content[8], type = content[9];
        var known = type switch
        {
            0 => depth is 1 or 2 or 4 or 8 or 16,
            3 => depth is 1 or 2 or 4 or 8,
            2 or 4 or 6 => depth is 8 or 16,
            _ => false,
        };
        if (!known || content[10] != 0 || content[11] != 0 || content[12] > 1)
            throw new InvalidDataException($"its header is not valid PNG (colour type {type}, {depth} bits)");
        if (width == 0 || height == 0) throw new InvalidDataException($"it is {width}x{height} pixels");
        if ((ulong)width * height > ImageFile.MaximumPixels)
            throw new InvalidDataException($"it is {width}x{height} pixels; at most {ImageFile.MaximumPixels} are read");
        return new PngHeader((int)width, (int)height, depth, type, content[12] == 1);
    }
}
