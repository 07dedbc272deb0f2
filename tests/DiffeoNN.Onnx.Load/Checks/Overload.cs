using System.Diagnostics;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>An open loop of requests at four times what the server can do.</summary>
internal static class Overload
{
    public static async Task<IReadOnlyList<Row>> Run(Setting setting)
    {
        var files = Images.Files(20);
        await using var target = await Target.Start(setting.Bundle, setting.Threads, options => options with { QueueCapacity = 64 });
        using var client = new Client(target.Http);
        var asked = Images.Mixed[2];
        var rate = await Capacity(client, files, asked);
        var seconds = 60 * setting.Scale;
        var (accepted, refused, lost, badRefusals) = (0, 0, 0, 0);
        var latencies = new Latencies();
        var tasks = new List<Task>();
        var start = Stopwatch.GetTimestamp();
        long? memory = null;
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
        {
            var due = (int)(Stopwatch.GetElapsedTime(start).TotalSeconds * 4 * rate);
            for (; tasks.Count < due; tasks.Add(Task.Run(One))) { }
            // What the first third brings is no growth.
            if (memory is null && Stopwatch.GetElapsedTime(start).TotalSeconds > seconds / 3) memory = Environment.WorkingSet;
            await Task.Delay(5);
        }

        var end = Environment.WorkingSet;
        await Task.WhenAll(tasks);
        return
        [
            Row.Of("overload: capacity", rate, "requests/s"),
            Row.Of($"overload: requests answered of {tasks.Count} in {seconds:F0} s", accepted, ""),
            Row.Of("overload: refused (503 with JSON and Retry-After)", refused, "", least: 1),
            Row.Of("overload: refused otherwise", badRefusals, "", most: 0),
            Row.Of("overload: lost", lost, "", most: 0),
            Row.Of("overload: p95 of what was answered", latencies.Quantile(0.95), "ms"),
            Row.Of("overload: resident memory at the end / after a third", end / (double)(memory ?? end), "", most: 1.05),
        ];

        async Task One()
        {
            var begun = Stopwatch.GetTimestamp();
            try
            {
                var answer = await client.Infer(files[Random.Shared.Next(files.Length)], ["steps"], asked);
                if (answer.Status == 200)
                {
                    Interlocked.Increment(ref accepted);
                    latencies.Add(Stopwatch.GetElapsedTime(begun));
                }
                else if (answer is { Status: 503, RetryAfter: > 0 } && answer.Error.StartsWith("{\"error\":", StringComparison.Ordinal))
                {
                    Interlocked.Increment(ref refused);
                }
                else
                {
                    Interlocked.Increment(ref badRefusals);
                }
            }
            catch (HttpRequestException)
            {
                Interlocked.Increment(ref lost);
            }
        }
    }

    private static async Task<double> Capacity(Client client, byte[][] files, IReadOnlyDictionary<string, object> asked)
    {
        var start = Stopwatch.GetTimestamp();
        var done = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < 5)
            {
                await client.Infer(files[worker], ["steps"], asked);
                Interlocked.Increment(ref done);
            }
        })));
        return done / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
