namespace DiffeoNN.Onnx.Deformations;

/// <summary>The thin-plate spline of the plane through given pairs of points: kernel r^2 ln r plus an affine part.</summary>
/// <remarks>Bookstein, "Principal warps", PAMI 1989.</remarks>
internal sealed class ThinPlateSpline
{
    private readonly (double X, double Y)[] _sources;
    private readonly double[,] _weights;

    private ThinPlateSpline((double X, double Y)[] sources, double[,] weights)
    {
        _sources = sources;
        _weights = weights;
    }

    /// <summary>Interpolates sources[i] -> targets[i]; the sources must not lie on one line.</summary>
    public static ThinPlateSpline Fit((double X, double Y)[] sources, (double X, double Y)[] targets)
    {
        // Rows: interpolation at each source, then the weights' sum and first moments vanish. Columns: weights, then 1, x, y;
        // two right sides.
        int n = sources.Length, size = n + 3;
        var system = new double[size, size + 2];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++) system[i, j] = Kernel(sources[i].X - sources[j].X, sources[i].Y - sources[j].Y);
            (system[i, n], system[i, n + 1], system[i, n + 2]) = (1, sources[i].X, sources[i].Y);
            (system[n, i], system[n + 1, i], system[n + 2, i]) = (1, sources[i].X, sources[i].Y);
            (system[i, size], system[i, size + 1]) = targets[i];
        }

        return new ThinPlateSpline(sources, Solve(system, size));
    }

    /// <summary>Image of a point.</summary>
    public (double X, double Y) At(double x, double y)
    {
        var n = _sources.Length;
        var sumX = _weights[n, 0] + (_weights[n + 1, 0] * x) + (_weights[n + 2, 0] * y);
        var sumY = _weights[n, 1] + (_weights[n + 1, 1] * x) + (_weights[n + 2, 1] * y);
        for (var i = 0; i < n; i++)
        {
            var kernel = Kernel(x - _sources[i].X, y - _sources[i].Y);
            sumX += _weights[i, 0] * kernel;
            sumY += _weights[i, 1] * kernel;
        }

        return (sumX, sumY);
    }

    private static double Kernel(double dx, double dy)
    {
        var squared = (dx * dx) + (dy * dy);
        return squared > 0 ? 0.5 * squared * Math.Log(squared) : 0;
    }

    /// <summary>Gaussian elimination with partial pivoting; the columns past the square hold the right sides.</summary>
    private static double[,] Solve(double[,] system, int size)
    {
        var columns = system.GetLength(1);
        for (var k = 0; k < size; k++)
        {
            var pivot = k;
            for (var i = k + 1; i < size; i++)
                if (Math.Abs(system[i, k]) > Math.Abs(system[pivot, k]))
                    pivot = i;
            for (var j = k; j < columns; j++) (system[k, j], system[pivot, j]) = (system[pivot, j], system[k, j]);
            for (var i = k + 1; i < size; i++)
            {
                var factor = system[i, k] / system[k, k];
                for (var j = k; j < columns; j++) system[i, j] -= factor * system[k, j];
            }
        }

        var solution = new double[size, columns - size];
        for (var right = 0; right < columns - size; right++)
            for (var i = size - 1; i >= 0; i--)
            {
                var sum = system[i, size + right];
                for (var j = i + 1; j < size; j++) sum -= system[i, j] * solution[j, right];
                solution[i, right] = sum / system[i, i];
            }

        return solution;
    }
}
