using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

/// <summary>Several runs over rows are told of as one search over images.</summary>
public sealed class StartSearchProgressTests
{
    [Test]
    public void Reports_CountStepsImagesAndTimeOverAllRuns()
    {
        var told = new List<CanonicalisationProgress>();
        var progress = new StartSearchProgress(new Listener(told.Add), 3);
        progress.Expect(5, [0, 1, 2]);
        progress.Expect(2, [0, 0, 2, 2]);
        progress.Report(Rows(0, 3, 1, [3, double.NaN, 5]));
        progress.Report(Rows(4, 1, 2, [2, 4, 6]));
        progress.EndRun();
        progress.Report(Rows(0, 4, 1, [9, 1, double.NaN, 4]));
        progress.Report(Rows(1, 3, 3, [0.5, 8, 8, 8]));
        progress.Report(Rows(2, 0, 4, [0.5, 8, 8, 8]));
        var numbers = told.Select(value => (value.Step, value.Steps, value.Images, value.Active, value.Elapsed.TotalSeconds));
        Assert.That(numbers, Is.EqualTo(new[]
        {
            // Two images have rows to come; four rows are at least two images', three rows too, of those that two images have.
            (0, 7, 3, 3, 1.0), (4, 7, 3, 2, 2.0), (5, 7, 3, 2, 3.0), (6, 7, 3, 2, 5.0), (7, 7, 3, 0, 6.0),
        }));
        Assert.That(told.Select(value => value.BestTotals), Is.EqualTo(new[]
        {
            new[] { 3, double.NaN, 5 }, [2, 4, 5], [1, 4, 4], [0.5, 4, 4], [0.5, 4, 4],
        }));
    }

    private static CanonicalisationProgress Rows(int step, int active, int seconds, double[] best) =>
        new(step, 99, best.Length, active, best, TimeSpan.FromSeconds(seconds));

    private sealed class Listener(Action<CanonicalisationProgress> report) : IProgress<CanonicalisationProgress>
    {
        public void Report(CanonicalisationProgress value) => report(value);
    }
}
