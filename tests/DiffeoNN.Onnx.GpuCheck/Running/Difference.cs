using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>How far a tensor is from the one expected.</summary>
/// <param name="Relative">Largest difference over the largest expected absolute value; infinite where shapes or non-finite values differ.</param>
/// <param name="Cosine">Cosine of the angle between them, 1 where both are zero.</param>
/// <param name="Largest">Largest absolute value of the expected tensor.</param>
/// <param name="Absolute">Largest difference.</param>
internal sealed record Difference(double Relative, double Cosine, double Largest, double Absolute)
{
    /// <summary>Compares two tensors of any number type.</summary>
    public static Difference Of(OnnxTensor expected, OnnxTensor found)
    {
        if (!expected.Dimensions.SequenceEqual(found.Dimensions) || expected.ElementType != found.ElementType)
            return new(double.PositiveInfinity, 0, double.NaN, double.PositiveInfinity);
        return Of(Numbers(expected), Numbers(found));
    }

    /// <summary>Compares numbers of one count.</summary>
    public static Difference Of(ReadOnlySpan<double> expected, ReadOnlySpan<double> found)
    {
        double largest = 0, worst = 0, product = 0, ofExpected = 0, ofFound = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            var (a, b) = (expected[i], found[i]);
            if (!double.IsFinite(a) || !double.IsFinite(b))
            {
                if (!a.Equals(b)) worst = double.PositiveInfinity;
                continue;
            }

            largest = Math.Max(largest, Math.Abs(a));
            worst = Math.Max(worst, Math.Abs(a - b));
            product += a * b;
            ofExpected += a * a;
            ofFound += b * b;
        }

        var cosine = ofExpected == 0 && ofFound == 0 ? 1 : product / Math.Sqrt(ofExpected * ofFound);
        return new(worst == 0 ? 0 : worst / largest, double.IsNaN(cosine) ? 0 : cosine, largest, worst);
    }

    private static double[] Numbers(OnnxTensor tensor) =>
        tensor.ElementType == OnnxElementType.Bool ? Array.ConvertAll(tensor.Data.ToArray(), value => (double)value) : tensor.ToDoubleArray();
}
