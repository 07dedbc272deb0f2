using System.Diagnostics;
using System.Globalization;

namespace DiffeoNN.Onnx.Fuzz;

/// <summary>Runs a target's workers, restarts those that die or hang, and blames the input they were at.</summary>
internal sealed class Supervisor(FuzzOptions options, string target)
{
    /// <summary>Processor time after which an input counts as a hang; wall time says little where cores are shared.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>Wall time for an input that waits instead of working.</summary>
    private static readonly TimeSpan WallLimit = TimeSpan.FromMinutes(2);

    private const string HeapLimit = "0xC0000000";
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private int _found;

    /// <summary>Fuzzes the target.</summary>
    /// <returns>Number of crashes, hangs and faults.</returns>
    public int Run()
    {
        var shares = Enumerable.Range(0, options.Jobs).Select(job => new Share(job)).ToArray();
        Parallel.ForEach(shares, new ParallelOptions { MaxDegreeOfParallelism = options.Jobs }, Work);
        var faults = Directory.GetFiles(options.Folder, $"{target}-*.txt");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{target}: {shares.Sum(share => share.Done)} inputs in {_watch.Elapsed.TotalSeconds:F0} s, "
            + $"{shares.Sum(share => share.Refused)} refused as they should be, {shares.Max(share => share.Paths)} paths; "
            + $"{_found} crashes and hangs, {faults.Length} findings in '{options.Folder}'"));
        return faults.Length;
    }

    private void Work(Share share)
    {
        long count = (options.Count + options.Jobs - 1) / options.Jobs, next = 0;
        var folder = Path.Combine(options.Folder, $"worker-{target}-{share.Job}");
        Directory.CreateDirectory(folder);
        while (next < count && _watch.Elapsed.TotalSeconds < options.Seconds)
        {
            using var slot = new InputSlot(Path.Combine(folder, "current"));
            slot.Write(next, [], 0, 0);
            using var worker = Start(share.Job, next, count - next, folder);
            var fault = Watch(worker, slot);
            share.Done += slot.Index - next;
            share.Refused += slot.Refused;
            share.Paths = Math.Max(share.Paths, slot.Paths);
            next = slot.Index + 1;
            if (fault is null) return;
            share.Done++;
            Interlocked.Increment(ref _found);
            var path = Path.Combine(options.Folder, $"{target}-{options.Seed + share.Job}-{slot.Index}");
            File.WriteAllBytes(path + ".bin", slot.Input);
            File.WriteAllText(path + ".txt", fault);
        }
    }

    /// <summary>Waits for a worker's end.</summary>
    /// <returns>What went wrong; null where it is done, or its time is up.</returns>
    private string? Watch(Process worker, InputSlot slot)
    {
        var (at, since, used) = (slot.Index, Stopwatch.StartNew(), TimeSpan.Zero);
        while (!worker.WaitForExit(200))
        {
            worker.Refresh();
            if (worker.HasExited) break;
            var now = worker.TotalProcessorTime;
            if (slot.Index != at) (at, since, used) = (slot.Index, Stopwatch.StartNew(), now);
            var fault = now - used > Limit ? $"hang: more than {Limit.TotalSeconds} s of processor time"
                : since.Elapsed > WallLimit ? $"hang: more than {WallLimit.TotalSeconds} s" : null;
            if (fault is null && _watch.Elapsed.TotalSeconds < options.Seconds) continue;
            worker.Kill();
            worker.WaitForExit();
            return fault;
        }

        return worker.ExitCode == 0 ? null : $"crash: the process ended with {worker.ExitCode}";
    }

    private Process Start(int job, long first, long count, string folder)
    {
        string[] arguments =
        [
            typeof(Supervisor).Assembly.Location, "worker", target, $"{options.Seed + job}", $"{first}", $"{count}", folder,
        ];
        var start = new ProcessStartInfo("dotnet", arguments);
        start.Environment["DOTNET_GCHeapHardLimit"] = HeapLimit;
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        return Process.Start(start) ?? throw new InvalidOperationException("No worker could be started.");
    }

    private sealed class Share(int job)
    {
        public int Job { get; } = job;

        public long Done { get; set; }

        public long Refused { get; set; }

        public long Paths { get; set; }
    }
}
