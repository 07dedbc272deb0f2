using System.Diagnostics;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>A limit of time that starts when it is made.</summary>
/// <param name="seconds">How long; no limit if 0.</param>
internal sealed class Deadline(double seconds) : IDisposable
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly CancellationTokenSource _source = seconds > 0 ? new(TimeSpan.FromSeconds(seconds)) : new();

    /// <summary>Cancelled when the time is over.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Whether the time is over.</summary>
    public bool IsOver => Left <= 0;

    /// <summary>Seconds since the start.</summary>
    public double Elapsed => Stopwatch.GetElapsedTime(_start).TotalSeconds;

    /// <summary>Seconds that are left; below 0 when it is over.</summary>
    public double Left => seconds > 0 ? seconds - Elapsed : double.PositiveInfinity;

    /// <summary>Ends what goes on where the time is over.</summary>
    /// <exception cref="OperationCanceledException">It is over.</exception>
    public void Check()
    {
        if (IsOver) throw new OperationCanceledException("The time is over.");
    }

    public void Dispose() => _source.Dispose();
}
