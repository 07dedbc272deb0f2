using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>The genus of a digit: its number of holes.</summary>
/// <remarks>
/// Pixels whose level is at least <see cref="Threshold"/> of 255 are ink.
/// A hole is a region of the other pixels, connected along rows and columns, that does not reach the border of the image and has at least
/// <see cref="SmallestHole"/> pixels; ink is thereby connected diagonally, too. Numbers above <see cref="Largest"/> count as that. The
/// trainer in tools/pytorch labels by the same rule.
/// </remarks>
public static class Genus
{
    /// <summary>The darkest level of ink, of 255.</summary>
    public const int Threshold = 64;

    /// <summary>Pixels of the smallest hole that counts; smaller ones are gaps between strokes.</summary>
    public const int SmallestHole = 4;

    /// <summary>The largest genus: that of an eight.</summary>
    public const int Largest = 2;

    /// <summary>Counts holes.</summary>
    /// <param name="image">Bright ink on dark ground, values in [0, 1], undeformed; the first channel counts.</param>
    /// <returns>In [0, <see cref="Largest"/>].</returns>
    public static int Of(ImageBuffer image)
    {
        ArgumentNullException.ThrowIfNull(image);
        int height = image.Height, width = image.Width, holes = 0;
        bool[] seen = [.. image.Plane(0).ToArray().Select(value => ImageFile.ToByte(value) >= Threshold)];
        var open = new Stack<int>();
        for (var start = 0; start < seen.Length; start++)
        {
            if (seen[start]) continue;
            var area = 0;
            var closed = true;
            seen[start] = true;
            open.Push(start);
            while (open.TryPop(out var at))
            {
                area++;
                int row = at / width, column = at % width;
                if (row == 0 || column == 0 || row == height - 1 || column == width - 1) closed = false;
                if (row > 0) Visit(at - width);
                if (row < height - 1) Visit(at + width);
                if (column > 0) Visit(at - 1);
                if (column < width - 1) Visit(at + 1);
            }

            if (closed && area >= SmallestHole) holes++;
        }

        return Math.Min(holes, Largest);

        void Visit(int at)
        {
            if (seen[at]) return;
            seen[at] = true;
            open.Push(at);
        }
    }
}
