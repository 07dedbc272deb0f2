using DiffeoNN.Onnx.Fields;
namespace DiffeoNN.Onnx.Tests.Fields;

/// <summary>Slow, obvious versions of everything in Fields: loops in double precision over [component or channel][row, column].</summary>
internal static class ReferenceFields
{
    public static double Unit(int height, int width) => 2.0 / (Math.Max(height, width) - 1);

    /// <summary>Value of a plane at a fractional row and column.</summary>
    public static double Sample(double[,] plane, double row, double column, WarpPadding padding, WarpInterpolation interpolation)
    {
        var (height, width) = (plane.GetLength(0), plane.GetLength(1));
        if (padding == WarpPadding.Border)
            (row, column) = (Math.Clamp(row, 0, height - 1), Math.Clamp(column, 0, width - 1));
        if (padding == WarpPadding.Reflection)
            (row, column) = (Reflect(row, height - 1), Reflect(column, width - 1));

        double Pixel(int i, int j) => i >= 0 && i < height && j >= 0 && j < width ? plane[i, j] : 0;
        if (interpolation == WarpInterpolation.Nearest)
            return Pixel((int)Math.Round(row, MidpointRounding.ToEven), (int)Math.Round(column, MidpointRounding.ToEven));
        var (top, left) = ((int)Math.Floor(row), (int)Math.Floor(column));
        var (a, b) = (row - top, column - left);
        return ((1 - a) * (1 - b) * Pixel(top, left)) + ((1 - a) * b * Pixel(top, left + 1))
            + (a * (1 - b) * Pixel(top + 1, left)) + (a * b * Pixel(top + 1, left + 1));
    }

    public static double[][,] Warp(double[][,] image, double[][,] u, WarpPadding padding, WarpInterpolation interpolation)
    {
        var (height, width) = (u[0].GetLength(0), u[0].GetLength(1));
        var unit = Unit(height, width);
        return Array.ConvertAll(image, plane => Fill(height, width, (row, column) =>
            Sample(plane, row + (u[1][row, column] / unit), column + (u[0][row, column] / unit), padding, interpolation)));
    }

    public static double[][,] Exp(double[][,] v, int squarings)
    {
        var (height, width) = (v[0].GetLength(0), v[0].GetLength(1));
        var u = Array.ConvertAll(v, plane => Fill(height, width, (row, column) => plane[row, column] / Math.Pow(2, squarings)));
        for (var k = 0; k < squarings; k++)
        {
            var moved = Warp(u, u, WarpPadding.Border, WarpInterpolation.Bilinear);
            u = [.. u.Select((plane, c) => Fill(height, width, (row, column) => plane[row, column] + moved[c][row, column]))];
        }

        return u;
    }

    public static double Smoothness(double[][,] v)
    {
        var (height, width) = (v[0].GetLength(0), v[0].GetLength(1));
        var unit = Unit(height, width);
        double sum = 0;
        foreach (var plane in v)
        {
            double alongX = 0, alongY = 0;
            for (var row = 0; row < height; row++)
            {
                for (var column = 0; column < width; column++)
                {
                    if (column + 1 < width)
                        alongX += Math.Pow((plane[row, column + 1] - plane[row, column]) / unit, 2);
                    if (row + 1 < height)
                        alongY += Math.Pow((plane[row + 1, column] - plane[row, column]) / unit, 2);
                }
            }

            sum += (alongX / (height * (width - 1))) + (alongY / ((height - 1) * width));
        }

        return sum;
    }

    /// <summary>Determinants at each pixel for forward and backward differences in x and in y, where both neighbours exist.</summary>
    public static List<double> Determinants(double[][,] u)
    {
        var (height, width) = (u[0].GetLength(0), u[0].GetLength(1));
        var unit = Unit(height, width);
        var determinants = new List<double>();
        double X(int row, int column) => (column * unit) + u[0][row, column];
        double Y(int row, int column) => (row * unit) + u[1][row, column];
        for (var row = 0; row < height; row++)
        {
            for (var column = 0; column < width; column++)
            {
                foreach (var dy in new[] { -1, 1 })
                {
                    foreach (var dx in new[] { -1, 1 })
                    {
                        var (i, j) = (row + dy, column + dx);
                        if (i < 0 || i >= height || j < 0 || j >= width)
                            continue;
                        var xx = (X(row, j) - X(row, column)) / (dx * unit);
                        var yx = (Y(row, j) - Y(row, column)) / (dx * unit);
                        var xy = (X(i, column) - X(row, column)) / (dy * unit);
                        var yy = (Y(i, column) - Y(row, column)) / (dy * unit);
                        determinants.Add((xx * yy) - (xy * yx));
                    }
                }
            }
        }

        return determinants;
    }

    public static double[,] Fill(int height, int width, Func<int, int, double> value)
    {
        var plane = new double[height, width];
        for (var row = 0; row < height; row++)
        {
            for (var column = 0; column < width; column++)
                plane[row, column] = value(row, column);
        }

        return plane;
    }

    private static double Reflect(double position, double last)
    {
        var period = 2 * last;
        var folded = Math.Abs(position) % period;
        return folded > last ? period - folded : folded;
    }
}
