using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Comparing;

/// <summary>Goes through two tensors of one shape element by element.</summary>
internal sealed class ElementErrors
{
    private readonly OnnxTensor _expected;
    private readonly double[] _a;
    private readonly double[] _b;

    /// <param name="expected">The baseline.</param>
    /// <param name="actual">Of the same shape and kind of type. Texts count as 0 where equal and as 1 where not.</param>
    public ElementErrors(OnnxTensor expected, OnnxTensor actual)
    {
        _expected = expected;
        if (expected.ElementType == OnnxElementType.String)
        {
            _a = new double[expected.Count];
            _b = [.. expected.ToStringArray().Zip(actual.ToStringArray(), (x, y) => x == y ? 0.0 : 1.0)];
            return;
        }

        (_a, _b) = (expected.ToDoubleArray(), actual.ToDoubleArray());
    }

    /// <summary>The comparison.</summary>
    public TensorComparison Compare(Tolerance tolerance)
    {
        var magnitude = _a.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        var scale = magnitude > 0 ? magnitude : 1;
        var counts = new long[ErrorHistogram.Bins];
        var (exact, mismatches, largest, worst, relative, sum) = (0L, 0L, 0.0, -1, 0.0, 0.0);
        var (dot, lengthA, lengthB) = (0.0, 0.0, 0.0);
        for (var i = 0; i < _a.Length; i++)
        {
            var (a, b) = (_a[i], _b[i]);
            if (!double.IsFinite(a) || !double.IsFinite(b))
            {
                if (a.Equals(b))
                {
                    exact++;
                    continue;
                }

                mismatches++;
                if (!double.IsPositiveInfinity(largest)) (largest, worst) = (double.PositiveInfinity, i);
                continue;
            }

            dot += a * b;
            lengthA += a * a;
            lengthB += b * b;
            var error = Math.Abs(a - b);
            if (error == 0)
            {
                exact++;
                continue;
            }

            counts[ErrorHistogram.Bin(error / scale)]++;
            sum += error;
            if (error > largest) (largest, worst) = (error, i);
            if (Math.Abs(a) >= TensorComparison.RelativeErrorFrom * magnitude && a != 0) relative = Math.Max(relative, error / Math.Abs(a));
        }

        return new TensorComparison
        {
            Name = _expected.Name,
            ElementType = _expected.ElementType,
            Shape = _expected.Dimensions,
            Magnitude = magnitude,
            LargestAbsoluteError = largest,
            LargestScaledError = largest / scale,
            LargestRelativeError = mismatches > 0 ? double.PositiveInfinity : relative,
            MeanError = mismatches > 0 ? double.PositiveInfinity : _a.Length > 0 ? sum / _a.Length : 0,
            Cosine = lengthA == 0 && lengthB == 0
                ? 1
                : lengthA == 0 || lengthB == 0 ? 0 : Math.Clamp(dot / Math.Sqrt(lengthA) / Math.Sqrt(lengthB), -1, 1),
            NormError = lengthA == lengthB ? 0 : lengthA == 0 ? double.PositiveInfinity : Math.Abs(Math.Sqrt(lengthB / lengthA) - 1),
            NonFiniteMismatches = mismatches,
            Histogram = new ErrorHistogram(exact, counts, mismatches),
            Worst = worst < 0 ? null : new WorstElement(IndexOf(worst), _a[worst], _b[worst]),
            Tolerance = tolerance,
        };
    }

    private long[] IndexOf(long flat)
    {
        var index = new long[_expected.Dimensions.Count];
        for (var axis = index.Length - 1; axis >= 0; axis--) (flat, index[axis]) = Math.DivRem(flat, _expected.Dimensions[axis]);
        return index;
    }
}
