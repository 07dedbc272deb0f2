namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>What came of many runs.</summary>
/// <param name="Runs">How many there were.</param>
/// <param name="OtherBits">After how many an output had other bits than at first.</param>
/// <param name="Worst">Largest difference, relative to the largest value at first.</param>
/// <param name="Wrong">After how many it was above <see cref="Tolerance"/>.</param>
internal sealed record RaceOutcome(int Runs, int OtherBits, double Worst, int Wrong)
{
    /// <summary>Differences above are no rounding.</summary>
    public const double Tolerance = 1e-4;

    /// <summary>No run yet.</summary>
    public static RaceOutcome None { get; } = new(0, 0, 0, 0);

    /// <summary>Both together.</summary>
    public RaceOutcome Plus(RaceOutcome other) => new(Runs + other.Runs, OtherBits + other.OtherBits, Math.Max(Worst, other.Worst), Wrong + other.Wrong);

    /// <summary>One run more.</summary>
    public RaceOutcome With(bool sameBits, double difference) =>
        new(Runs + 1, OtherBits + (sameBits ? 0 : 1), Math.Max(Worst, difference), Wrong + (difference > Tolerance ? 1 : 0));
}
