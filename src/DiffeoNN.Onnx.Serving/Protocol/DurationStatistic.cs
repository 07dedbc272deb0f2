namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>How often something happened, and how long it took together.</summary>
/// <param name="Count">How often.</param>
/// <param name="Nanoseconds">How long together.</param>
public readonly record struct DurationStatistic(long Count, long Nanoseconds)
{
    /// <summary>With one more.</summary>
    /// <param name="time">How long it took.</param>
    public DurationStatistic Plus(TimeSpan time) => new(Count + 1, Nanoseconds + (long)time.TotalNanoseconds);
}
