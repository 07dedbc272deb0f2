using System.Diagnostics;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Options;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>What the server costs beside the library, and what batching by the step gains.</summary>
internal static class Timing
{
    /// <summary>Arrivals, of those that batches by the request can answer. The last one is judged: where nobody waits, nobody is to be
    /// helped.</summary>
    private static readonly double[] Loads = [0.6, 0.8, 0.95];

    private static readonly IReadOnlyDictionary<string, object> Forty =
        new Dictionary<string, object> { ["steps"] = 40, ["start"] = "identity", ["accept"] = "always" };

    /// <summary>One client, alternating with direct calls.</summary>
    public static async Task<IReadOnlyList<Row>> Overhead(Setting setting)
    {
        var files = Images.Files(20);
        await using var target = await Target.Start(setting.Bundle, setting.Threads);
        using var client = new Client(target.Http);
        using var model = Model(setting);
        var (direct, served) = (new Latencies(), new Latencies());
        for (var i = 0; i < setting.Times(300) + 10; i++)
        {
            var file = files[i % files.Length];
            var start = Stopwatch.GetTimestamp();
            using (var result = model.Run([ImageFile.Read(new MemoryStream(file))])) _ = result.Images[0].Output.Labels;
            if (i >= 10) direct.Add(Stopwatch.GetElapsedTime(start));
            start = Stopwatch.GetTimestamp();
            await client.Infer(file, ["mask"]);
            if (i >= 10) served.Add(Stopwatch.GetElapsedTime(start));
        }

        var (own, all) = (direct.Quantile(0.5), served.Quantile(0.5));
        return [Row.Of("overhead: p50 direct", own, "ms"), Row.Of("overhead: p50 served", all, "ms", most: (1.05 * own) + 2)];
    }

    /// <summary>Eight clients against the library's best batch.</summary>
    public static async Task<IReadOnlyList<Row>> Throughput(Setting setting)
    {
        var rows = new List<Row>();
        foreach (var (name, asked, total) in new[] { ("proposer", Images.Mixed[3], 400), ("40 steps", Forty, 64) })
        {
            var files = Images.Files(16);
            var count = Math.Max(16, setting.Times(total));
            await using var target = await Target.Start(setting.Bundle, setting.Threads);
            using var client = new Client(target.Http);
            using var model = Model(setting, asked);
            var library = new[] { 1, 4, 8 }.ToDictionary(batch => batch, _ => new Rates());
            var server = new Rates();
            // By turns, and medians: the machine may be another's for a while.
            for (var round = 0; round < 5; round++)
            {
                foreach (var (batch, rates) in library)
                {
                    using var measured = rates.Measure(count);
                    foreach (var chunk in Enumerable.Range(0, count).Chunk(batch))
                    {
                        using var result = model.Run([.. chunk.Select(i => ImageFile.Read(new MemoryStream(files[i % files.Length])))]);
                        _ = result.Images[0].Output.Labels;
                    }
                }

                var next = 0;
                using (server.Measure(count))
                {
                    await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
                    {
                        int i;
                        while ((i = Interlocked.Increment(ref next) - 1) < count)
                            await client.Infer(files[i % files.Length], ["mask"], asked);
                    })));
                }
            }

            var best = library.Values.MaxBy(rates => rates.ImagesPerSecond)!;
            rows.Add(Row.Of($"throughput, {name}: library at its best batch", best.ImagesPerSecond, "images/s"));
            rows.Add(Row.Of($"throughput, {name}: server, 8 clients", server.ImagesPerSecond, "images/s", least: best.ImagesPerSecond));
            rows.Add(Row.Of($"throughput, {name}: a core's time in the library", best.CoreMilliseconds, "ms"));
            rows.Add(Row.Of($"throughput, {name}: in server and clients", server.CoreMilliseconds, "ms"));
        }

        return rows;
    }

    /// <summary>Searches of 5 and 80 steps together, joining between steps and at the ends of batches.</summary>
    /// <remarks>On the CPU a step's time grows with its images, so that a long search has its own time to take, whoever waits. So there are
    /// two mixes: where one of eight is long the 95th percentile of all is a long one's, where one of 32 is long it is a short one's.
    /// Arrivals come at shares of what batching by the request answers of the mix at best, so that a faster machine is loaded as much.
    /// </remarks>
    public static async Task<IReadOnlyList<Row>> Batching(Setting setting)
    {
        var rows = new List<Row>();
        foreach (var period in new[] { 8, 32 })
        {
            var capacity = await Capacity(setting, period, BatchingMode.Request);
            var byStep = await Capacity(setting, period, BatchingMode.Continuous);
            var name = $"batching, one of {period} long";
            rows.Add(Row.Of($"{name}: capacity by request", capacity, "requests/s"));
            rows.Add(Row.Of($"{name}: capacity by the step", byStep, "requests/s"));
            foreach (var load in Loads)
            {
                var request = await Mixed(setting, period, BatchingMode.Request, load * capacity);
                var step = await Mixed(setting, period, BatchingMode.Continuous, load * capacity);
                double? most = load == Loads[^1] ? 0.6 : null;
                name = $"batching, one of {period} long, {100 * load:F0} % load";
                rows.Add(Row.Of($"{name}: p50 by request", request.All.Quantile(0.5), "ms"));
                rows.Add(Row.Of($"{name}: p50 by the step", step.All.Quantile(0.5), "ms"));
                rows.Add(Row.Of($"{name}: p95 by request", request.All.Quantile(0.95), "ms"));
                rows.Add(Row.Of($"{name}: p95 by the step", step.All.Quantile(0.95), "ms"));
                rows.Add(Row.Of(
                    $"{name}: p95 by the step / by request", step.All.Quantile(0.95) / request.All.Quantile(0.95), "", most: most));
                rows.Add(Row.Of(
                    $"{name}: the same, of the short ones", step.Short.Quantile(0.95) / request.Short.Quantile(0.95), "", most: most));
            }
        }

        return rows;
    }

    /// <summary>What 16 clients are answered in a second.</summary>
    private static async Task<double> Capacity(Setting setting, int period, BatchingMode mode)
    {
        var files = Images.Files(16);
        await using var target = await Start(setting, mode);
        using var client = new Client(target.Http);
        var (next, count) = (0, setting.Times(200));
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            int i;
            while ((i = Interlocked.Increment(ref next) - 1) < count)
                await client.Infer(files[i % files.Length], ["steps"], Asked(IsLong(i, period) ? 80 : 5));
        })));
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Starts a server whose sizes are warm.</summary>
    private static async Task<Target> Start(Setting setting, BatchingMode mode)
    {
        var target = await Target.Start(setting.Bundle, setting.Threads, options => options with { Batching = mode });
        using var client = new Client(target.Http);
        foreach (var steps in new[] { 5, 80 }) await client.Infer(Images.Files(1)[0], ["steps"], Asked(steps));
        return target;
    }

    private static bool IsLong(int request, int period) => request % period == 3;

    private static async Task<(Latencies All, Latencies Short)> Mixed(Setting setting, int period, BatchingMode mode, double rate)
    {
        var files = Images.Files(16);
        await using var target = await Start(setting, mode);
        using var client = new Client(target.Http);
        var (all, brief) = (new Latencies(), new Latencies());
        var random = new Random(setting.Seed);
        var tasks = new List<Task>();
        var (start, at) = (Stopwatch.GetTimestamp(), 0.0);
        // Poisson arrivals.
        for (var i = 0; i < setting.Times(400); i++)
        {
            at += -Math.Log(1 - random.NextDouble()) / rate;
            var wait = TimeSpan.FromSeconds(at) - Stopwatch.GetElapsedTime(start);
            if (wait > TimeSpan.Zero) await Task.Delay(wait);
            var (file, isLong) = (files[i % files.Length], IsLong(i, period));
            tasks.Add(Task.Run(async () =>
            {
                var begun = Stopwatch.GetTimestamp();
                await client.Infer(file, ["steps"], Asked(isLong ? 80 : 5));
                var time = Stopwatch.GetElapsedTime(begun);
                all.Add(time);
                if (!isLong) brief.Add(time);
            }));
        }

        await Task.WhenAll(tasks);
        return (all, brief);
    }

    private static Dictionary<string, object> Asked(int steps) =>
        new() { ["steps"] = steps, ["start"] = "identity", ["accept"] = "always" };

    private static EquivariantModel Model(Setting setting, IReadOnlyDictionary<string, object>? asked = null)
    {
        EquivariantOptions options = new()
        {
            Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = setting.Threads },
        };
        foreach (var (name, value) in asked ?? new Dictionary<string, object>())
        {
            var known = SearchSpec.Settings.First(one => one.Name == name);
            options = (EquivariantOptions)options.With(known, known.Parse($"{value}")!);
        }

        return EquivariantModel.Load(setting.Bundle, options);
    }
}
