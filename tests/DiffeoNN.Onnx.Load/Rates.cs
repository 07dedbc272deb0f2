using System.Diagnostics;

namespace DiffeoNN.Onnx.Load;

/// <summary>How fast images were done, in several goes.</summary>
internal sealed class Rates
{
    private readonly List<(double ImagesPerSecond, double CoreMilliseconds)> _goes = [];

    /// <summary>The median of the goes.</summary>
    public double ImagesPerSecond => Median(_goes.Select(go => go.ImagesPerSecond));

    /// <summary>Time of cores an image, of this whole process; the median of the goes.</summary>
    public double CoreMilliseconds => Median(_goes.Select(go => go.CoreMilliseconds));

    /// <summary>Measures a go, until what is returned is disposed.</summary>
    /// <param name="images">That are done in it.</param>
    public IDisposable Measure(int images) => new Go(this, images);

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private sealed class Go(Rates rates, int images) : IDisposable
    {
        private readonly long _start = Stopwatch.GetTimestamp();
        private readonly TimeSpan _cores = Environment.CpuUsage.TotalTime;

        public void Dispose() => rates._goes.Add((
            images / Stopwatch.GetElapsedTime(_start).TotalSeconds,
            (Environment.CpuUsage.TotalTime - _cores).TotalMilliseconds / images));
    }
}
