namespace DiffeoNN.Onnx.Training;

/// <summary>The learning rate over the steps: a linear rise, then half a cosine down.</summary>
public sealed record LearningRateSchedule
{
    /// <summary>The same rate at every step.</summary>
    public static LearningRateSchedule Constant { get; } = new();

    /// <summary>Steps until the cosine has reached its end, where the rate stays; 0 for a rate that does not fall.</summary>
    public int Steps { get; init; }

    /// <summary>First steps, in which the rate rises linearly to its full size.</summary>
    public int WarmUp { get; init; }

    /// <summary>Part of the rate that is left at the end, in [0, 1].</summary>
    public double Floor { get; init; }

    /// <summary>Half a cosine from the full rate to a part of it.</summary>
    /// <param name="steps">Steps in all.</param>
    /// <param name="warmUp">Steps of the rise at the beginning.</param>
    /// <param name="floor">Part of the rate at the end.</param>
    public static LearningRateSchedule Cosine(int steps, int warmUp = 0, double floor = 0) =>
        new() { Steps = steps, WarmUp = warmUp, Floor = floor };

    /// <summary>What the rate is multiplied by at a step.</summary>
    /// <param name="step">From 0.</param>
    public double Factor(int step)
    {
        if (step < WarmUp)
            return (step + 1.0) / WarmUp;
        if (Steps <= WarmUp)
            return 1;
        var part = Math.Min(1, (double)(step - WarmUp) / (Steps - WarmUp));
        return Floor + ((1 - Floor) * 0.5 * (1 + Math.Cos(Math.PI * part)));
    }

    /// <summary>Refuses what makes no sense.</summary>
    internal void Check()
    {
        if (Steps < 0 || WarmUp < 0 || (Steps > 0 && WarmUp > Steps) || !(Floor is >= 0 and <= 1))
            throw new TrainingException(
                $"A schedule of {Steps} steps, {WarmUp} of them rising, down to {Floor}: "
                + "expected 0 <= rising <= steps and 0 <= floor <= 1.");
    }
}
