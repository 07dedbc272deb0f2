namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Weights by which Resize forms each element of one axis from the elements before.</summary>
internal static class InterpolationMatrix
{
    /// <summary>Larger matrices are refused: they take gigabytes inside the model.</summary>
    private const long MostWeights = 1L << 27;

    /// <summary>The matrix (output, input), row by row.</summary>
    /// <exception cref="UnsupportedOperatorException">It would be too large.</exception>
    public static double[] Build(ResizeAxis axis, OnnxNode node)
    {
        if (axis.Output!.Value > MostWeights / Math.Max(1, axis.Input!.Value))
        {
            throw new UnsupportedOperatorException(
                node, $"its gradient needs a matrix of {axis.Output} x {axis.Input} weights for one axis; at most {MostWeights} are made.");
        }

        var (input, output) = ((int)axis.Input.Value, (int)axis.Output.Value);
        var matrix = new double[(long)output * input];
        var mode = node.GetString("mode", "nearest");
        var transformation = node.GetString("coordinate_transformation_mode", "half_pixel");
        for (var o = 0; o < output; o++)
        {
            var x = Source(o, axis, transformation);
            if (transformation == "tf_crop_and_resize" && (x < 0 || x > input - 1))
                continue;
            var row = matrix.AsSpan(o * input, input);
            if (mode == "nearest")
                row[Math.Clamp(Nearest(x, axis.Scale, node.GetString("nearest_mode", "round_prefer_floor")), 0, input - 1)] = 1;
            else if (node.GetInt("antialias", 0) != 0)
                Filtered(row, x, axis.Scale, mode, node);
            else if (mode == "linear")
                Linear(row, x);
            else
                Cubic(row, x, node.GetFloat("cubic_coeff_a", -0.75f), node.GetInt("exclude_outside", 0) != 0);
        }

        return matrix;
    }

    /// <summary>Where an element of the result lies in the input. In float32, as the runtime computes it:
    /// rounding to the nearest depends on it.</summary>
    private static float Source(int o, ResizeAxis axis, string transformation)
    {
        var (input, output, scale) = ((float)axis.Input!.Value, (float)axis.Output!.Value, (float)axis.Scale);
        return transformation switch
        {
            "asymmetric" => o / scale,
            "align_corners" => output == 1 ? 0 : o * (input - 1) / (output - 1),
            "pytorch_half_pixel" => output > 1 ? ((o + 0.5f) / scale) - 0.5f : 0,
            "tf_half_pixel_for_nn" => (o + 0.5f) / scale,
            "tf_crop_and_resize" => output > 1
                ? (float)((axis.RoiStart * (input - 1)) + (o * (axis.RoiEnd - axis.RoiStart) * (input - 1) / (output - 1)))
                : (float)(0.5 * (axis.RoiStart + axis.RoiEnd) * (input - 1)),
            "half_pixel_symmetric" => ((input / 2) * (1 - (output / (scale * input)))) + ((o + 0.5f) / scale) - 0.5f,
            _ => ((o + 0.5f) / scale) - 0.5f,
        };
    }

    private static int Nearest(float x, double scale, string mode) => mode switch
    {
        "round_prefer_ceil" => (int)MathF.Floor(x + 0.5f),
        "floor" => (int)MathF.Floor(x),
        "ceil" => (int)MathF.Ceiling(x),
        "simple" => scale < 1 ? (int)MathF.Ceiling(x) : (int)x,
        _ => (int)MathF.Ceiling(x - 0.5f),
    };

    private static void Linear(Span<double> row, float x)
    {
        x = Math.Clamp(x, 0, row.Length - 1);
        var low = (int)MathF.Floor(x);
        var part = x - low;
        row[low] += 1 - part;
        row[Math.Min(low + 1, row.Length - 1)] += part;
    }

    private static void Cubic(Span<double> row, float x, double a, bool excludeOutside)
    {
        var low = (int)MathF.Floor(x);
        double sum = 0;
        for (var k = -1; k <= 2; k++)
        {
            var outside = low + k < 0 || low + k >= row.Length;
            var weight = outside && excludeOutside ? 0 : CubicFilter(x - (low + k), a);
            sum += weight;
            row[Math.Clamp(low + k, 0, row.Length - 1)] += weight;
        }

        if (!excludeOutside)
            return;
        for (var i = Math.Max(0, low - 1); i <= Math.Min(row.Length - 1, low + 2); i++)
            row[i] /= sum;
    }

    /// <summary>When shrinking, the filter widens with the step, so that every element counts.</summary>
    private static void Filtered(Span<double> row, float x, double scale, string mode, OnnxNode node)
    {
        var stretch = Math.Max(1, 1 / scale);
        var support = (mode == "linear" ? 1 : 2) * stretch;
        var centre = x + 0.5;
        var first = (int)Math.Floor(centre - support + 0.5);
        var last = (int)Math.Floor(centre + support + 0.5);
        var excludeOutside = node.GetInt("exclude_outside", 0) != 0;
        double sum = 0;
        for (var i = first; i < last; i++)
        {
            if (excludeOutside && (i < 0 || i >= row.Length))
                continue;
            var distance = (i - centre + 0.5) / stretch;
            var weight = mode == "linear"
                ? Math.Max(0, 1 - Math.Abs(distance))
                : CubicFilter(distance, node.GetFloat("cubic_coeff_a", -0.75f));
            row[Math.Clamp(i, 0, row.Length - 1)] += weight;
            sum += weight;
        }

        for (var i = 0; i < row.Length; i++)
            row[i] /= sum;
    }

    private static double CubicFilter(double x, double a)
    {
        x = Math.Abs(x);
        return x <= 1 ? ((((a + 2) * x) - (a + 3)) * x * x) + 1
            : x < 2 ? (((((a * x) - (5 * a)) * x) + (8 * a)) * x) - (4 * a)
            : 0;
    }
}
