namespace DiffeoNN.Onnx.Tests.Energies;

/// <summary>How far two tensors are apart.</summary>
internal static class Comparison
{
    /// <summary>Cosine of the angle between two vectors.</summary>
    public static double Cosine(IReadOnlyList<double> a, IReadOnlyList<double> b) =>
        Dot(a, b) / Math.Sqrt(Dot(a, a) * Dot(b, b));

    /// <summary>Largest difference, relative to the largest expected value.</summary>
    public static double LargestError(IReadOnlyList<double> actual, IReadOnlyList<double> expected) =>
        actual.Zip(expected, (x, y) => double.IsNaN(x) ? double.PositiveInfinity : Math.Abs(x - y)).Max() / expected.Max(Math.Abs);

    private static double Dot(IReadOnlyList<double> a, IReadOnlyList<double> b) => a.Zip(b, (x, y) => x * y).Sum();
}
