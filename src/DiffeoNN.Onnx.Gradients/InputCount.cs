namespace DiffeoNN.Onnx.Gradients;

/// <summary>How many inputs an operator takes, over all its versions.</summary>
/// <param name="Least">The first so many must be there.</param>
/// <param name="Most">More than so many are refused.</param>
public readonly record struct InputCount(int Least, int Most)
{
    /// <summary>As many inputs as one likes.</summary>
    public const int Any = int.MaxValue;
}
