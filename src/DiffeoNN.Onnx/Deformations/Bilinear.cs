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

    private static double Place(double position, int count, WarpPadding padding)
    {
        switch (padding)
        {
            case WarpPadding.Zeros:
                return position;
            case WarpPadding.Border:
                return Math.Clamp(position, 0, count - 1);
            case WarpPadding.Reflection:
                double period = 2.0 * (count - 1);
                double folded = Math.Abs(position) % period;
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
