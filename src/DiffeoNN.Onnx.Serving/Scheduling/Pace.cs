namespace DiffeoNN.Onnx.Serving.Scheduling;

/// <summary>How fast a queue was worked off lately, and so when there is room again; not safe for concurrent use.</summary>
/// <param name="time">The clock.</param>
internal sealed class Pace(TimeProvider time)
{
    private const double Weight = 0.1;
    private long _since;
    private double? _seconds;

    /// <summary>The shortest and the longest time that is told.</summary>
    public static (TimeSpan Least, TimeSpan Most) Limits { get; } = (TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));

    /// <summary>Work arrives where there was none: what was before does not count as time that it took.</summary>
    public void Begin() => _since = time.GetTimestamp();

    /// <summary>Pieces are done.</summary>
    public void Add(int pieces)
    {
        if (pieces < 1) return;
        var now = time.GetTimestamp();
        var each = time.GetElapsedTime(_since, now).TotalSeconds / pieces;
        // Several at a time count as often.
        var weight = 1 - Math.Pow(1 - Weight, pieces);
        _seconds = _seconds is { } before ? before + (weight * (each - before)) : each;
        _since = now;
    }

    /// <summary>How long pieces will take, from 1 s to 60 s; 1 s where nothing is known yet.</summary>
    public TimeSpan TimeOf(int pieces)
    {
        var seconds = Math.Clamp((_seconds ?? 0) * pieces, Limits.Least.TotalSeconds, Limits.Most.TotalSeconds);
        return TimeSpan.FromSeconds(Math.Ceiling(seconds));
    }
}
