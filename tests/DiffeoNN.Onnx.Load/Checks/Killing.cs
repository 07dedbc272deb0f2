namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>A server that is killed under load and started again by the same command: it is ready again by itself, answers rightly, and
/// what lies about does not grow.</summary>
internal static class Killing
{
    public static async Task<IReadOnlyList<Row>> Run(Setting setting)
    {
        var files = Images.Files(6);
        var random = new Random(setting.Seed);
        using var server = new ServedProcess(setting.Bundle, setting.Threads, drain: 0);
        var (rounds, wrong, answered, cut, slowest) = (Math.Max(3, setting.Times(20)), 0, 0, 0, 0.0);
        byte[][]? expected = null;
        IReadOnlyList<string>? first = null, last = null;
        var started = (await server.Start()).TotalSeconds;
        for (var round = 0; round < rounds; round++)
        {
            using (var client = new Client(server.Http))
            {
                expected ??= await Task.WhenAll(files.Select(async file => (await Ask(client, file)).Outputs["mask"]));
                using var stopping = new CancellationTokenSource();
                var load = files.Select((file, i) => Task.Run(async () =>
                {
                    while (!stopping.IsCancellationRequested)
                    {
                        try
                        {
                            var answer = await Ask(client, file);
                            Interlocked.Increment(ref answered);
                            if (answer.Status != 200 || !answer.Outputs["mask"].AsSpan().SequenceEqual(expected[i]))
                                Interlocked.Increment(ref wrong);
                        }
                        catch (HttpRequestException)
                        {
                            Interlocked.Increment(ref cut);
                            return;
                        }
                    }
                })).ToList();
                await Task.Delay(random.Next(300, 2000));
                await server.Kill();
                await stopping.CancelAsync();
                await Task.WhenAll(load);
            }

            first ??= server.Files;
            last = server.Files;
            slowest = Math.Max(slowest, (await server.Start()).TotalSeconds);
        }

        using (var client = new Client(server.Http))
        {
            for (var i = 0; i < files.Length; i++)
                if (!(await Ask(client, files[i])).Outputs["mask"].AsSpan().SequenceEqual(expected![i])) wrong++;
        }

        // The .NET runtime's own, empty: where debuggers and dotnet-trace would ask. DOTNET_EnableDiagnostics=0 turns them off.
        var more = last!.Except(first!).ToLookup(
            path => Path.GetFileName(path) is var name && name.StartsWith("clr-debug-pipe-", StringComparison.Ordinal)
                || name.StartsWith("dotnet-diagnostic-", StringComparison.Ordinal));
        foreach (var path in more[false].Take(5)) Console.Error.WriteLine($"left behind: {path}");
        return
        [
            Row.Of("kill: time until it is ready, the first time", started, "s"),
            Row.Of($"kill: time until it is ready again, the longest of {rounds}", slowest, "s", most: Math.Max(10, 2 * started)),
            Row.Of($"kill: wrong answers of {answered}, and {cut} cut off", wrong, "", most: 0),
            Row.Of($"kill: files after {rounds} kills more than after the first", more[false].Count(), "", most: 0),
            Row.Of("kill: empty pipes and sockets of the .NET runtime", more[true].Count(), ""),
        ];
    }

    private static Task<Client.Answer> Ask(Client client, byte[] file) => client.Infer(file, ["mask"], Images.Mixed[1]);
}
