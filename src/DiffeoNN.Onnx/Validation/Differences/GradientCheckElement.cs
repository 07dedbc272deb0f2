namespace DiffeoNN.Onnx.Validation.Differences;

/// <summary>One derivative, computed twice.</summary>
/// <param name="Index">Which element of the input; empty for a scalar.</param>
/// <param name="Emitted">What the emitted model says.</param>
/// <param name="Differences">What finite differences of the original model say.</param>
public sealed record GradientCheckElement(IReadOnlyList<long> Index, double Emitted, double Differences)
{
    /// <summary>How far the two may be apart: the tolerance of the largest derivative, and three times what rounding makes of the
    /// difference.</summary>
    public double Allowed { get; init; }
}
