using DiffeoNN.Onnx.GpuCheck.Running;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>Runs one check within its time.</summary>
internal static class SingleCheck
{
    /// <summary>Seconds of a check that is not told how long it may take.</summary>
    public const double Seconds = 120;

    /// <summary>What a call into native code may take beyond the limit before it is given up, in seconds.</summary>
    private const double Grace = 20;

    /// <returns>0 where every figure is within its bar and nothing was left out for lack of time, else 1.</returns>
    public static int Run(CheckOptions options)
    {
        var seconds = options.Seconds ?? Seconds;
        using var time = new Deadline(seconds);
        var report = new Report(options.Check, time, options.Json);
        using var watch = seconds > 0 ? new Timer(_ => GiveUp(report), null, TimeSpan.FromSeconds(seconds + Grace), Timeout.InfiniteTimeSpan) : null;
        report.Try(options.Check, () => CheckList.Run(options, report));
        Summarise(options.Check, report);
        return report.Passes ? 0 : 1;
    }

    private static void GiveUp(Report report)
    {
        report.Hangs();
        Environment.Exit(1);
    }

    private static void Summarise(string check, Report report) => Console.WriteLine(
        $"{check,-10} {(report.Passes ? "passes" : "FAILS")} after {report.Time.Elapsed:0.0} s: {report.Count(Verdict.Ok)} ok, {report.Count(Verdict.Miss)} MISS, "
        + $"{report.Count(Verdict.Late)} LATE, {report.Count(Verdict.Skip)} skipped, {report.Count(Verdict.Info)} figures without a bar");
}
