using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>A mask as its file stores it: whole numbers, before anyone says what they mean.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="Values">Row by row: grey levels of the file's own depth, or indices where it has a palette.</param>
/// <param name="Depth">Bits a value: 1, 2, 4, 8 or 16.</param>
internal sealed record StoredMask(int Height, int Width, ushort[] Values, int Depth)
{
    /// <summary>Colours of the indices, red, green, blue; null where values are grey levels.</summary>
    public byte[]? Palette { get; init; }

    /// <summary>Whether the file's format changes values (JPEG, most of WebP), so that none can be taken at its word.</summary>
    public bool IsLossy { get; init; }

    /// <summary>The largest value its depth allows.</summary>
    public int Largest => (1 << Depth) - 1;

    /// <summary>The values that occur, rising.</summary>
    public int[] Distinct()
    {
        var occurs = new bool[1 << 16];
        foreach (var value in Values) occurs[value] = true;
        return [.. Enumerable.Range(0, occurs.Length).Where(value => occurs[value])];
    }

    /// <summary>A mask of a format that changes values as 0 and 255 again, each pixel by the nearer end.</summary>
    /// <param name="path">Named by errors.</param>
    /// <returns>Itself where values are as they were stored.</returns>
    /// <exception cref="DataException">More than one pixel in twenty is near neither end,
    /// or none is near the upper one though not all are 0: class numbers, perhaps.</exception>
    public StoredMask ToEnds(string path)
    {
        if (!IsLossy) return this;
        var quarter = (Largest + 1) / 4;
        if (Values.Count(value => value >= quarter && value <= Largest - quarter) * 20L > Values.Length)
        {
            throw new DataException(
                $"'{path}' is of a format that changes values, and more than a twentieth of its pixels are near neither 0 nor {Largest}; "
                + "store masks as PNG.");
        }

        if (!Array.Exists(Values, value => value > Largest - quarter) && Array.Exists(Values, value => value > 0))
        {
            throw new DataException(
                $"'{path}' is of a format that changes values, and none of its pixels is near {Largest}, though not all "
                + $"are 0 (up to {Values.Max()}); "
                + "class numbers need PNG.");
        }

        var ends = Array.ConvertAll(Values, value => (ushort)(2 * value > Largest ? Largest : 0));
        return this with { Values = ends, IsLossy = false };
    }

    /// <summary>The mask moved by a map: each pixel takes the value with the largest share of it, 0 outside;
    /// no other values arise.</summary>
    /// <param name="map">Of the mask's size.</param>
    public StoredMask Deform(DeformationMap map) => this with { Values = map.ApplyToLabels<ushort>(Values) };
}
