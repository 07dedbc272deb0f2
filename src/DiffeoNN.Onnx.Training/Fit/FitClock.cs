using System.Diagnostics;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>The time of a fit, of which earlier parts may have been spent before an interruption.</summary>
/// <param name="time">In all.</param>
/// <param name="spent">Before this part.</param>
internal sealed class FitClock(TimeSpan time, TimeSpan spent)
{
    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>Since the start, earlier parts included.</summary>
    public TimeSpan Elapsed => spent + Stopwatch.GetElapsedTime(_start);

    /// <summary>What is left; zero where it is over.</summary>
    public TimeSpan Left => time > Elapsed ? time - Elapsed : TimeSpan.Zero;

    /// <summary>A share of what is left.</summary>
    /// <param name="part">The weight of what comes now.</param>
    /// <param name="rest">The weights of all that comes after it.</param>
    public TimeSpan Share(double part, double rest) => Left * (part / (part + rest));
}
