namespace DiffeoNN.Onnx.Answers;

/// <summary>A number over all images.</summary>
public enum ScoreStatistic
{
    /// <summary>Arithmetic mean.</summary>
    Mean,

    /// <summary>Standard deviation.</summary>
    Std,

    /// <summary>Second quartile.</summary>
    Median,
}
