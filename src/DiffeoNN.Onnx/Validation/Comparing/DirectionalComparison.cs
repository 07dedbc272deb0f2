namespace DiffeoNN.Onnx.Validation.Comparing;

/// <summary>A source's gradient by one input beside finite differences along random directions.</summary>
/// <param name="Source">Whose gradient.</param>
/// <param name="Input">By which input.</param>
/// <param name="Directions">How many directions were tried.</param>
/// <param name="Unsteady">Those along which the differences contradict each other, because of a kink or of rounding;
/// they decide nothing.</param>
/// <param name="LargestError">Largest error along a direction, relative to the gradient's length.</param>
/// <param name="Tolerance">What is allowed.</param>
/// <param name="Agrees">Whether no direction is beyond the tolerance and what the differences leave open.</param>
public sealed record DirectionalComparison(
    string Source, string Input, int Directions, int Unsteady, double LargestError, double Tolerance, bool Agrees)
{
    /// <summary>Whether some direction said anything at all.</summary>
    public bool IsDecided => Directions > Unsteady;
}
