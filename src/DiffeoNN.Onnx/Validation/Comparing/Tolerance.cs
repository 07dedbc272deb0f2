using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Comparing;

/// <summary>What two engines may differ by in one tensor. Errors are relative to the tensor's magnitude,
/// its largest finite element.</summary>
/// <param name="Relative">Largest error of an element, relative to the magnitude; 0 asks for equality.</param>
/// <param name="Cosine">Smallest cosine of the angle between the two tensors; null where it is not asked for.</param>
/// <param name="Norm">Largest relative difference of the two tensors' lengths; null where it is not asked for.
/// A cosine does not see a factor.</param>
public sealed record Tolerance(double Relative, double? Cosine = null, double? Norm = null)
{
    /// <summary>Magnitudes below this count as this: the rounding of what cancelled out is no error.</summary>
    public const double SmallestMagnitude = 1e-6;

    /// <summary>Tolerance of a graph's outputs: 1e-4 in float32, by the precision of the type in the others;
    /// equality for integers, truth values and texts.</summary>
    /// <param name="type">The element type of the less precise side.</param>
    public static Tolerance OfOutput(OnnxElementType type) => type switch
    {
        OnnxElementType.Float => new(1e-4),
        OnnxElementType.Double => new(1e-8),
        OnnxElementType.Float16 => new(2e-2),
        OnnxElementType.BFloat16 => new(1e-1),
        _ => new(0),
    };

    /// <summary>
    /// Tolerance of a gradient: its direction and length as a whole, since single elements may jump where rounding decides on which side of
    /// a kink (of a ReLU, of a maximum) the network is.
    /// </summary>
    /// <param name="type">The element type of the less precise side.</param>
    public static Tolerance OfGradient(OnnxElementType type) => type switch
    {
        OnnxElementType.Float or OnnxElementType.Double => new(double.PositiveInfinity, 0.99999, 5e-3),
        OnnxElementType.Float16 => new(double.PositiveInfinity, 0.999, 5e-2),
        OnnxElementType.BFloat16 => new(double.PositiveInfinity, 0.99, 1e-1),
        _ => new(0),
    };

    /// <summary>For people: "1e-4 of the magnitude", "cosine 0.99999, length 0.5 %".</summary>
    public override string ToString() => Cosine is { } cosine
        ? FormattableString.Invariant($"cosine {cosine:0.#####}, length {100 * Norm:0.#} %")
        : Relative == 0 ? "equal" : FormattableString.Invariant($"{Relative:0e-0} of the magnitude");
}
