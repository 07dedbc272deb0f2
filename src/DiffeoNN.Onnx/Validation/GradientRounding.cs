using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation;

/// <summary>
/// How far rounding alone moves a gradient: libtorch's in the model's precision beside libtorch's in float64. Kinks that rounding decides on, and sums
/// that cancel, make gradients of which float32 knows little, whoever computes them.
/// </summary>
internal static class GradientRounding
{
    /// <summary>How many times what rounding moves one gradient by two gradients may differ by.</summary>
    private const double Margin = 3;

    /// <summary>Derivatives in float64.</summary>
    /// <returns>By the input's name; null where the graph does not run in float64.</returns>
    public static IReadOnlyDictionary<string, OnnxTensor>? InDouble(
        IGradientSource source, OnnxModel model, string title, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyDictionary<string, OnnxTensor> upstream,
        IReadOnlyList<string> inputNames, CancellationToken cancellationToken)
    {
        try
        {
            return source.Run(FloatPrecision.Convert(model, OnnxElementType.Double), title, Convert(inputs), Convert(upstream), inputNames, cancellationToken);
        }
        catch (Exception error) when (error is GraphException or GradientException)
        {
            return null;
        }

        static Dictionary<string, OnnxTensor> Convert(IReadOnlyDictionary<string, OnnxTensor> tensors) =>
            tensors.ToDictionary(pair => pair.Key, pair => FloatPrecision.Convert(pair.Value, OnnxElementType.Double), StringComparer.Ordinal);
    }

    /// <summary>Length of the difference relative to the length of the exact gradient; infinite where that is zero and the other is not.</summary>
    public static double Of(OnnxTensor exact, OnnxTensor rounded)
    {
        var (difference, length) = (0.0, 0.0);
        foreach (var (a, b) in exact.ToDoubleArray().Zip(rounded.ToDoubleArray()))
        {
            difference += (a - b) * (a - b);
            length += a * a;
        }

        return difference == 0 ? 0 : double.IsFinite(difference) ? Math.Sqrt(difference / length) : double.PositiveInfinity;
    }

    /// <summary>A tolerance that leaves room for what rounding does; the same where that is little.</summary>
    public static Tolerance Widen(Tolerance tolerance, double rounding)
    {
        var room = Math.Min(2, Margin * rounding);
        return tolerance with
        {
            Cosine = Math.Min(tolerance.Cosine ?? -1, 1 - (room * room / 2)),
            Norm = Margin * rounding < 1 ? Math.Max(tolerance.Norm ?? double.PositiveInfinity, Margin * rounding) : double.PositiveInfinity,
        };
    }

    /// <summary>The error along a direction that rounding leaves open.</summary>
    public static double Widen(double tolerance, double rounding) => Math.Max(tolerance, Margin * rounding);
}
