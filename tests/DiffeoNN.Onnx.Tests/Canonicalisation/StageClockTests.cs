using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

public sealed class StageClockTests
{
    private static readonly (Stage Stage, Func<StageTimes, TimeSpan> Of)[] Stages =
    [
        (Stage.EnergyGradient, times => times.EnergyGradient), (Stage.SearchGraph, times => times.SearchGraph),
        (Stage.Field, times => times.Field),
        (Stage.Exponential, times => times.Exponential), (Stage.Warp, times => times.Warp),
        (Stage.Regularisers, times => times.Regularisers), (Stage.Optimiser, times => times.Optimiser),
        (Stage.Diagnostics, times => times.Diagnostics),
    ];

    [Test]
    public void Measure_AddsToItsStageOnly()
    {
        Assert.That(Stages.Select(pair => pair.Stage), Is.EqualTo(Enum.GetValues<Stage>()), "every stage is looked at");
        foreach (var (stage, of) in Stages)
        {
            var clock = new StageClock();
            Assert.That(clock.Measure(stage, () => Wait(3)), Is.EqualTo(3), "the work's result");
            var once = clock.Times();
            clock.Measure(stage, () => Wait(3));
            var twice = clock.Times();
            Assert.Multiple(() =>
            {
                Assert.That(of(once), Is.InRange(TimeSpan.FromMilliseconds(2.9), once.Total), $"{stage}");
                Assert.That(of(twice) - of(once), Is.GreaterThanOrEqualTo(TimeSpan.FromMilliseconds(2.9)), $"{stage}, work adds up");
                foreach (var (other, its) in Stages.Where(pair => pair.Stage != stage))
                    Assert.That(its(twice), Is.EqualTo(TimeSpan.Zero), $"{other} while {stage} worked");
            });
        }
    }

    [Test]
    public void Elapsed_GoesOnWithoutWork()
    {
        var clock = new StageClock();
        Wait(3);
        Assert.That(clock.Elapsed, Is.InRange(TimeSpan.FromMilliseconds(2.9), TimeSpan.FromSeconds(30)));
        Assert.That(clock.Times().Total, Is.GreaterThanOrEqualTo(TimeSpan.FromMilliseconds(2.9)));
    }

    [Test]
    public void Plus_AddsStageByStage()
    {
        var (first, second) = (Times(1), Times(10));
        var sum = first.Plus(second);
        var ticks = Stages.Select(pair => pair.Of).Append(times => times.Total).Select(of => of(sum).Ticks);
        Assert.That(ticks, Is.EqualTo(new[] { 11, 22, 33, 44, 55, 66, 77, 88, 99 }));

        static StageTimes Times(int unit)
        {
            TimeSpan Of(int count) => TimeSpan.FromTicks(count * unit);
            return new StageTimes(Of(1), Of(2), Of(3), Of(4), Of(5), Of(6), Of(7), Of(8), Of(9));
        }
    }

    private static int Wait(int milliseconds)
    {
        var begun = System.Diagnostics.Stopwatch.StartNew();
        while (begun.Elapsed < TimeSpan.FromMilliseconds(milliseconds)) Thread.SpinWait(50);
        return milliseconds;
    }
}
