using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Deformations;

/// <summary>Finds folds of a map by its one-sided differences.</summary>
internal static class FoldCheck
{
    /// <summary>
    /// Smallest determinant over all pixels and all combinations of forward or backward difference in x and in y:
    /// every corner of every cell of the pixel grid. Central differences would step over folds one pixel wide.
    /// </summary>
    public static double MinimumDeterminant(SamplingGrid grid, ReadOnlySpan<double> u)
    {
        int width = grid.Width, plane = grid.Height * width;
        double scale = 1 / grid.PixelSize, least = double.PositiveInfinity;
        for (var row = 0; row + 1 < grid.Height; row++)
            for (var column = 0; column + 1 < width; column++)
            {
                int a = (row * width) + column, b = a + 1, c = a + width, d = c + 1;
                double top = 1 + (scale * (u[b] - u[a])), topY = scale * (u[plane + b] - u[plane + a]);
                double bottom = 1 + (scale * (u[d] - u[c])), bottomY = scale * (u[plane + d] - u[plane + c]);
                double left = scale * (u[c] - u[a]), leftY = 1 + (scale * (u[plane + c] - u[plane + a]));
                double right = scale * (u[d] - u[b]), rightY = 1 + (scale * (u[plane + d] - u[plane + b]));
                var smallest = Math.Min(
                    Math.Min((top * leftY) - (topY * left), (top * rightY) - (topY * right)),
                    Math.Min((bottom * leftY) - (bottomY * left), (bottom * rightY) - (bottomY * right)));
                // Written so that NaN, too, counts as a fold.
                if (!(smallest >= least)) least = smallest;
                if (double.IsNaN(least)) return least;
            }

        return least;
    }
}
