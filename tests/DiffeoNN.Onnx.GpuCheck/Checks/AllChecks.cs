using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.GpuCheck.Running;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>Runs all checks, each in a process of its own, so that one that crashes or hangs takes no other with it.</summary>
internal static class AllChecks
{
    private const double Seconds = 600;
    private const double Grace = 30;

    /// <param name="options">What to check.</param>
    /// <param name="args">The command line, handed on.</param>
    /// <returns>0 where every check passes, else 1.</returns>
    public static int Run(CheckOptions options, IReadOnlyList<string> args)
    {
        var start = Stopwatch.GetTimestamp();
        var seconds = options.Seconds ?? Seconds;
        var rows = new JsonArray();
        var failed = new List<string>();
        foreach (var (check, i) in CheckList.Timed.Select((check, i) => (check, i)))
        {
            // What a check leaves of its share goes to those after it.
            var left = Math.Max(1, seconds - Stopwatch.GetElapsedTime(start).TotalSeconds);
            var limit = seconds == 0 ? 0 : left * CheckList.Share(check) / CheckList.Timed.Skip(i).Sum(CheckList.Share);
            var part = Path.Combine(Path.GetTempPath(), $"gpucheck-{Environment.ProcessId}-{check}.json");
            if (RunOne(check, limit, part, args) is var code && code != 0)
            {
                failed.Add(check);
                if (code is not 1) Console.WriteLine($"{check,-10} ended with code {code}");
            }

            Collect(rows, part);
            if (options.Json is not null) File.WriteAllText(options.Json, rows.ToJsonString() + "\n");
        }

        var elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Console.WriteLine($"all        {(failed.Count == 0 ? "passes" : "FAILS: " + string.Join(", ", failed))} after {elapsed:0} s");
        return failed.Count == 0 ? 0 : 1;
    }

    private static int RunOne(string check, double seconds, string json, IReadOnlyList<string> args)
    {
        // Under the shared host the first argument is this assembly.
        var host = Environment.ProcessPath!;
        var shared = Path.GetFileNameWithoutExtension(host) == "dotnet";
        List<string> words = shared ? [Path.Combine(AppContext.BaseDirectory, "gpucheck.dll")] : [];
        words.Add(check);
        for (var i = 1; i + 1 < args.Count; i += 2)
        {
            if (args[i] is not ("--seconds" or "--json")) words.AddRange([args[i], args[i + 1]]);
        }

        words.AddRange(["--seconds", seconds.ToString("0.0", CultureInfo.InvariantCulture), "--json", json]);
        using var process = Process.Start(new ProcessStartInfo(host, words) { UseShellExecute = false })!;
        // No limit is written as 0; else the process ends by itself, unless it hangs.
        if (seconds == 0) process.WaitForExit();
        else if (!process.WaitForExit(TimeSpan.FromSeconds(seconds + Grace))) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        return process.ExitCode;
    }

    private static void Collect(JsonArray rows, string file)
    {
        if (!File.Exists(file)) return;
        foreach (var row in JsonNode.Parse(File.ReadAllText(file))!.AsArray()) rows.Add(row!.DeepClone());
        File.Delete(file);
    }
}
