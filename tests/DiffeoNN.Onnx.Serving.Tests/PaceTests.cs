using DiffeoNN.Onnx.Serving.Scheduling;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>When a queue that is full has room again.</summary>
public sealed class PaceTests
{
    [Test]
    public void TimeOf_IsWhatPiecesTookLately_FromOneSecondToSixty()
    {
        var clock = new Clock();
        var pace = new Pace(clock);
        Assert.That(pace.TimeOf(1000), Is.EqualTo(TimeSpan.FromSeconds(1)), "nothing is known");
        pace.Begin();
        for (var i = 0; i < 50; i++)
        {
            clock.Pass(1);
            pace.Add(2);
        }

        Assert.That(pace.TimeOf(86), Is.EqualTo(TimeSpan.FromSeconds(43)));
        Assert.That(pace.TimeOf(1), Is.EqualTo(TimeSpan.FromSeconds(1)));
        Assert.That(pace.TimeOf(1000), Is.EqualTo(TimeSpan.FromSeconds(60)));
        // Time without work does not count.
        clock.Pass(1000);
        pace.Begin();
        clock.Pass(1);
        pace.Add(2);
        Assert.That(pace.TimeOf(86), Is.EqualTo(TimeSpan.FromSeconds(43)));
        for (var i = 0; i < 100; i++)
        {
            clock.Pass(0.1);
            pace.Add(1);
        }

        Assert.That(pace.TimeOf(95), Is.EqualTo(TimeSpan.FromSeconds(10)), "what was long ago is forgotten");
    }

    private sealed class Clock : TimeProvider
    {
        private double _seconds;

        public override long TimestampFrequency => 1_000_000;

        public void Pass(double seconds) => _seconds += seconds;

        public override long GetTimestamp() => (long)Math.Round(_seconds * TimestampFrequency);
    }
}
