using DiffeoNN.Onnx.GpuCheck.Running;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>Whether a graph ever reads an input before the graph that makes it is done.</summary>
internal static class RaceCheck
{
    private const int Repeats = 5;

    public static void Run(CheckOptions options, Report report)
    {
        var target = Target.Of(options);
        foreach (var name in options.Bundles)
        {
            report.Try(name, () =>
            {
                var bundle = new BundleGraphs(options.Models, name, target);
                // Each part has its share, so that none goes without.
                var end = report.Time.Elapsed + (report.Time.Left / (options.Bundles.Count - options.Bundles.ToList().IndexOf(name)));
                report.Try($"{name} one thread", () => One(name, bundle, target, end, options, report));
                report.Try($"{name} two threads", () => Two(name, bundle, target, end, options, report));
                report.Try($"{name} without waiting", () => NotWaiting(name, bundle, target, end, options, report));
            });
        }
    }

    private static void One(string name, BundleGraphs bundle, Target target, double end, CheckOptions options, Report report)
    {
        using var pair = new ProducerConsumer(bundle, target, options.Seed);
        var others = pair.LearnAndRepeat(Repeats);
        report.Info($"{name}, alone: other bits in {ProducerConsumer.Inputs * Repeats} runs", others, note: others == 0 ? "deterministic"
            : "the graph itself varies");
        Tell($"{name} one thread", pair.Race(options.Runs, options.Seed, Time(report, end, 3)), others == 0, report);
    }

    private static void Two(string name, BundleGraphs bundle, Target target, double end, CheckOptions options, Report report)
    {
        using var first = new ProducerConsumer(bundle, target, options.Seed);
        using var second = new ProducerConsumer(bundle, target, options.Seed);
        var others = first.LearnAndRepeat(Repeats) + second.LearnAndRepeat(Repeats);
        var until = Time(report, end, 2);
        var outcomes = new RaceOutcome[2];
        Exception? failure = null;
        Thread[] threads = [.. new[] { first, second }.Select((pair, i) => new Thread(() =>
        {
            try
            {
                outcomes[i] = pair.Race(options.Runs, options.Seed + i, until);
            }
            catch (Exception e)
            {
                failure = e;
            }
        }))];
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        if (failure is not null) throw new InvalidOperationException($"A thread failed: {failure.Message}", failure);
        Tell($"{name} two threads", outcomes[0].Plus(outcomes[1]), others == 0, report);
    }

    /// <summary>The same with a producer that nobody waits for, which shows what a race would look like here.</summary>
    private static void NotWaiting(string name, BundleGraphs bundle, Target target, double end, CheckOptions options, Report report)
    {
        if (!target.IsCuda) return;
        using var pair = new ProducerConsumer(bundle, target, options.Seed);
        pair.LearnAndRepeat(1);
        pair.DoNotWaitForProducer();
        var outcome = pair.Race(Math.Min(200, options.Runs), options.Seed, Time(report, end, 1));
        report.Info($"{name} not waiting: outputs off in {outcome.Runs} runs", outcome.Wrong,
            note: "what the runs above would show if they raced");
    }

    private static Func<bool> Time(Report report, double end, int parts)
    {
        var until = report.Time.Elapsed + Math.Max(0, (end - report.Time.Elapsed) / parts);
        return () => report.Time.Elapsed < until;
    }

    private static void Tell(string name, RaceOutcome outcome, bool deterministic, Report report)
    {
        var runs = $"{outcome.Runs} runs";
        if (deterministic) report.AtMost($"{name}, other bits", outcome.OtherBits, 0, note: runs);
        else report.Info($"{name}, other bits", outcome.OtherBits, note: $"{runs}; no bar, since the graph alone varies");
        report.AtMost($"{name}, outputs off by {RaceOutcome.Tolerance:0.0e+0}", outcome.Wrong, 0,
            note: $"{runs}, at worst {outcome.Worst:0.0e+0}");
    }
}
