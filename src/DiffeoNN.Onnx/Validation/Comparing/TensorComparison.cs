using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Comparing;

/// <summary>How far a tensor is from what was expected, and whether that is near enough.</summary>
public sealed record TensorComparison
{
    /// <summary>Elements below this part of the magnitude have no say in <see cref="LargestRelativeError"/>:
    /// near zero any rounding is large.</summary>
    public const double RelativeErrorFrom = 0.01;

    /// <summary>The tensor's name.</summary>
    public required string Name { get; init; }

    /// <summary>The element type of the baseline.</summary>
    public required OnnxElementType ElementType { get; init; }

    /// <summary>The shape of the baseline.</summary>
    public required IReadOnlyList<long> Shape { get; init; }

    /// <summary>Why the elements could not be compared (another shape or kind of type); null where they were.</summary>
    public string? Problem { get; init; }

    /// <summary>The largest finite element of the baseline, without sign.</summary>
    public double Magnitude { get; init; }

    /// <summary>Largest difference of two elements; infinite where only one of them is finite.</summary>
    public double LargestAbsoluteError { get; init; }

    /// <summary>The same relative to <see cref="Magnitude"/>, which is what the tolerance bounds.</summary>
    public double LargestScaledError { get; init; }

    /// <summary>Largest difference relative to the element itself, of those that reach <see cref="RelativeErrorFrom"/> of the
    /// magnitude.</summary>
    public double LargestRelativeError { get; init; }

    /// <summary>Mean difference.</summary>
    public double MeanError { get; init; }

    /// <summary>Cosine of the angle between both tensors, over elements that are finite in both; 1 where both are zero.</summary>
    public double Cosine { get; init; } = 1;

    /// <summary>Relative difference of the lengths of both tensors.</summary>
    public double NormError { get; init; }

    /// <summary>Elements of which one is not finite and the other is something else. Equal infinities agree, and so do two NaN.</summary>
    public long NonFiniteMismatches { get; init; }

    /// <summary>How many elements are off by how much.</summary>
    public required ErrorHistogram Histogram { get; init; }

    /// <summary>The element with the largest difference; null where the tensor is empty or there is none.</summary>
    public WorstElement? Worst { get; init; }

    /// <summary>What was allowed.</summary>
    public required Tolerance Tolerance { get; init; }

    /// <summary>Whether the tensor is within the tolerance.</summary>
    public bool Agrees => Problem is null && NonFiniteMismatches == 0
        && (Tolerance.Relative == 0
            ? LargestAbsoluteError == 0
            : LargestAbsoluteError <= Tolerance.Relative * Math.Max(Magnitude, Tolerance.SmallestMagnitude))
        && (LargestAbsoluteError <= 0 || Cosine >= (Tolerance.Cosine ?? -1) || IsNegligible)
        && (NormError <= (Tolerance.Norm ?? double.PositiveInfinity) || IsNegligible);

    // Directions and lengths of what is nothing but rounding say nothing.
    private bool IsNegligible => Math.Max(Magnitude, LargestAbsoluteError) < 1e-12;

    /// <summary>Compares the outputs of two sources.</summary>
    /// <param name="expected">The baseline.</param>
    /// <param name="actual">The other; its name is not looked at.</param>
    /// <param name="tolerance">What is allowed; if null, that for outputs of the less precise of both types.</param>
    /// <returns>The comparison; shapes and types that differ are told in it, not thrown.</returns>
    public static TensorComparison Of(OnnxTensor expected, OnnxTensor actual, Tolerance? tolerance = null)
    {
        ArgumentNullException.ThrowIfNull(expected);
        ArgumentNullException.ThrowIfNull(actual);
        tolerance ??= Tolerance.OfOutput(LessPrecise(expected.ElementType, actual.ElementType));
        var problem = ProblemOf(expected, actual);
        return problem is null ? new ElementErrors(expected, actual).Compare(tolerance) : new TensorComparison
        {
            Name = expected.Name,
            ElementType = expected.ElementType,
            Shape = expected.Dimensions,
            Problem = problem,
            Cosine = 0,
            LargestAbsoluteError = double.PositiveInfinity,
            LargestScaledError = double.PositiveInfinity,
            LargestRelativeError = double.PositiveInfinity,
            MeanError = double.PositiveInfinity,
            NormError = double.PositiveInfinity,
            Histogram = new ErrorHistogram(0, new long[ErrorHistogram.Bins], 0),
            Tolerance = tolerance,
        };
    }

    /// <summary>The type with fewer digits; for types of different kinds the first.</summary>
    internal static OnnxElementType LessPrecise(OnnxElementType a, OnnxElementType b) =>
        !a.IsFloat() || !b.IsFloat() ? a : Digits(a) <= Digits(b) ? a : b;

    private static int Digits(OnnxElementType type) => type switch
    {
        OnnxElementType.BFloat16 => 8,
        OnnxElementType.Float16 => 11,
        OnnxElementType.Float => 24,
        _ => 53,
    };

    private static string? ProblemOf(OnnxTensor expected, OnnxTensor actual)
    {
        if (!expected.Dimensions.SequenceEqual(actual.Dimensions))
            return $"shape [{string.Join(",", actual.Dimensions)}]; expected [{string.Join(",", expected.Dimensions)}]";
        // A reference may be stored in float64 or float32 whatever the graph computes in; libtorch carries unsigned integers in wider ones.
        var sameKind = expected.ElementType == actual.ElementType || (expected.ElementType.IsFloat() && actual.ElementType.IsFloat())
            || (expected.ElementType.IsInteger() && actual.ElementType.IsInteger());
        return sameKind ? null : $"element type {Text(actual.ElementType)}; expected {Text(expected.ElementType)}";
    }

    private static string Text(OnnxElementType type) => type.ToString().ToLowerInvariant();
}
