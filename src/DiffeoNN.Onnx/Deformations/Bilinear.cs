using System.Numerics;
using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Deformations;

/// <summary>Slow and obvious bilinear sampling of one plane.</summary>
internal static class Bilinear
{
    /// <summary>Value at a fractional position in pixels; positions are arithmetic in double precision.</summary>
    public static double Sample<T>(ReadOnlySpan<T> plane, SamplingGrid grid, double row, double column, WarpPadding padding)
        where T : INumber<T>
    {
        row = Place(row, grid.Height, padding);
        column = Place(column, grid.Width, padding);
        double top = Math.Floor(row), left = Math.Floor(column);
        double fy = row - top, fx = column - left;
        return ((1 - fy) * (((1 - fx) * At(plane, grid, top, left)) + (fx * At(plane, grid, top, left + 1))))
            + (fy * (((1 - fx) * At(plane, grid, top + 1, left)) + (fx * At(plane, grid, top + 1, left + 1))));
    }

    /// <summary>The label with the largest bilinear share at a fractional position, the larger of equals; 0 outside.</summary>
    /// <param name="plane">Labels, row by row.</param>
    /// <param name="grid">Their size.</param>
    /// <param name="row">Fractional row.</param>
    /// <param name="column">Fractional column.</param>
    /// <param name="near">Room for four labels.</param>
    /// <remarks>Shares are rounded to float, as warped images are, so that 0 and 1 fall as a warped mask does at 0.5.</remarks>
    public static T LargestShare<T>(ReadOnlySpan<T> plane, SamplingGrid grid, double row, double column, Span<T> near)
        where T : unmanaged, INumber<T>
    {
        double top = Math.Floor(row), left = Math.Floor(column), fy = row - top, fx = column - left;
        for (var i = 0; i < 4; i++)
        {
            double y = top + (i / 2), x = left + (i % 2);
            near[i] = y >= 0 && y < grid.Height && x >= 0 && x < grid.Width ? plane[((int)y * grid.Width) + (int)x] : T.Zero;
        }

        var (best, share) = (near[0], -1f);
        foreach (var label in near)
        {
            var own = ((1 - fy) * (((1 - fx) * Is(near[0])) + (fx * Is(near[1]))))
                + (fy * (((1 - fx) * Is(near[2])) + (fx * Is(near[3]))));
            if ((float)own > share || ((float)own == share && label > best)) (best, share) = (label, (float)own);

            double Is(T other) => other == label ? 1 : 0;
        }

        return best;
    }

    private static double Place(double position, int count, WarpPadding padding)
    {
        switch (padding)
        {
            case WarpPadding.Zeros:
                return position;
            case WarpPadding.Border:
                return Math.Clamp(position, 0, count - 1);
            case WarpPadding.Reflection:
                var period = 2.0 * (count - 1);
                var folded = Math.Abs(position) % period;
                return folded > count - 1 ? period - folded : folded;
            default:
                throw new ArgumentOutOfRangeException(nameof(padding), padding, "Unknown padding.");
        }
    }

    private static double At<T>(ReadOnlySpan<T> plane, SamplingGrid grid, double row, double column)
        where T : INumber<T> =>
        row >= 0 && row < grid.Height && column >= 0 && column < grid.Width
            ? double.CreateTruncating(plane[((int)row * grid.Width) + (int)column])
            : 0;
}
