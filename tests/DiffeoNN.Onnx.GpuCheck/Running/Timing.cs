using System.Diagnostics;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>Medians of times.</summary>
internal static class Timing
{
    /// <summary>Milliseconds that a piece of work takes: the median after a warm-up.</summary>
    /// <param name="work">Waits for the device at its end.</param>
    /// <param name="warmUp">Runs before the first that counts.</param>
    /// <param name="repeats">Runs that count, at least 1.</param>
    /// <param name="time">Ends it.</param>
    /// <exception cref="OperationCanceledException">The time was over.</exception>
    public static double Median(Action work, int warmUp, int repeats, Deadline time)
    {
        for (var i = 0; i < warmUp; i++)
        {
            time.Check();
            work();
        }

        var times = new double[repeats];
        for (var i = 0; i < repeats; i++)
        {
            time.Check();
            var start = Stopwatch.GetTimestamp();
            work();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        return Median(times);
    }

    /// <summary>The median.</summary>
    public static double Median(IReadOnlyList<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
