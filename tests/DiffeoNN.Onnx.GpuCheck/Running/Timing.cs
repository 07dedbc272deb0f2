using System.Diagnostics;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>A measured time.</summary>
/// <param name="Milliseconds">The median.</param>
/// <param name="Runs">Of how many runs.</param>
internal sealed record Timing(double Milliseconds, int Runs)
{
    /// <summary>Slow work is measured so often at least.</summary>
    private const int LeastRuns = 3;

    /// <summary>Measures a piece of work after a warm-up.</summary>
    /// <param name="work">Waits for the device at its end.</param>
    /// <param name="warmUp">Runs before the first that counts; fewer, but one, where they take a third of the budget.</param>
    /// <param name="repeats">Runs that count; fewer, but three, where the budget is used up.</param>
    /// <param name="time">Ends it.</param>
    /// <param name="budget">Seconds for all of it.</param>
    /// <exception cref="OperationCanceledException">The time was over.</exception>
    public static Timing Of(Action work, int warmUp, int repeats, Deadline time, double budget)
    {
        var start = Stopwatch.GetTimestamp();
        double Elapsed() => Stopwatch.GetElapsedTime(start).TotalSeconds;
        for (var i = 0; i < warmUp && (i == 0 || Elapsed() < budget / 3); i++)
        {
            time.Check();
            work();
        }

        List<double> times = [];
        while (times.Count < repeats && (times.Count < LeastRuns || Elapsed() < budget))
        {
            time.Check();
            var before = Stopwatch.GetTimestamp();
            work();
            times.Add(Stopwatch.GetElapsedTime(before).TotalMilliseconds);
        }

        times.Sort();
        return new((times[(times.Count - 1) / 2] + times[times.Count / 2]) / 2, times.Count);
    }
}
