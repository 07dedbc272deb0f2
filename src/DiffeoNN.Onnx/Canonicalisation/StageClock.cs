using System.Diagnostics;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>What time is accounted to; the order of <see cref="StageTimes"/>.</summary>
internal enum Stage
{
    EnergyGradient,
    SearchGraph,
    Field,
    Exponential,
    Warp,
    Regularisers,
    Optimiser,
    Diagnostics,
}

/// <summary>Adds up the time of each stage.</summary>
internal sealed class StageClock
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly long[] _ticks = new long[Enum.GetValues<Stage>().Length];

    /// <summary>Time since the start.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    /// <summary>Runs work and adds its time to a stage.</summary>
    public T Measure<T>(Stage stage, Func<T> work)
    {
        var start = Stopwatch.GetTimestamp();
        var result = work();
        Add(stage, Stopwatch.GetTimestamp() - start);
        return result;
    }

    /// <summary>Adds ticks of the stopwatch to a stage.</summary>
    public void Add(Stage stage, long ticks) => _ticks[(int)stage] += ticks;

    /// <summary>The sums so far.</summary>
    public StageTimes Times()
    {
        TimeSpan Of(Stage stage) => TimeSpan.FromSeconds(_ticks[(int)stage] / (double)Stopwatch.Frequency);
        return new StageTimes(
            Of(Stage.EnergyGradient), Of(Stage.SearchGraph), Of(Stage.Field), Of(Stage.Exponential), Of(Stage.Warp),
            Of(Stage.Regularisers), Of(Stage.Optimiser), Of(Stage.Diagnostics), Elapsed);
    }
}
