using System.Diagnostics;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>A server that is told to end under load: those who look away within its time of draining lose no request, long searches are
/// answered, and it ends with 0.</summary>
internal static class Ending
{
    private const double Drain = 3;

    public static async Task<IReadOnlyList<Row>> Run(Setting setting)
    {
        if (OperatingSystem.IsWindows()) return [];
        var files = Images.Files(8);
        using var server = new ServedProcess(setting.Bundle, setting.Threads, Drain);
        var (rounds, answered, late, failed, codes, longest) = (setting.Times(10), 0, 0, 0, 0, 0.0);
        for (var round = 0; round < rounds; round++)
        {
            await server.Start();
            using var client = new Client(server.Http);
            using var calls = new RawCalls(server.Rpc);
            var told = 0;
            using var away = new CancellationTokenSource();
            // As load balancers do: they ask now and then, and send nothing more to who is not ready.
            var balancer = Task.Run(async () =>
            {
                using var http = new HttpClient();
                while (await server.IsReady(http)) await Task.Delay(100);
                await Task.Delay(TimeSpan.FromSeconds(Drain / 3));
                await away.CancelAsync();
            });
            var load = Enumerable.Range(0, 12).Select(worker => Task.Run(async () =>
            {
                while (!away.IsCancellationRequested)
                {
                    var file = files[worker % files.Length];
                    await Count(worker < 8
                        ? async () => (await client.Infer(file, ["mask"], Images.Mixed[1])).Status == 200
                        : async () => (await calls.Send(RawCalls.Frame(MalformedCalls.Image(file, "mask").ToByteArray()))).Status == 0);
                }
            })).ToList();
            await Task.Delay(1000);
            // Some that are still searched when no more requests are taken.
            for (var i = 0; i < 24; i++)
            {
                var (file, asked) = (files[i % files.Length], new Dictionary<string, object> { ["steps"] = 1000 - i });
                var call = MalformedCalls.Image(file, "mask");
                call.Parameters["steps"].Int64Param = 1000 - i;
                load.Add(Count(i % 3 > 0
                    ? async () => (await client.Infer(file, ["steps"], asked)).Status == 200
                    : async () => (await calls.Send(RawCalls.Frame(call.ToByteArray()))).Status == 0));
            }

            await Task.Delay(200);
            Volatile.Write(ref told, 1);
            var start = Stopwatch.GetTimestamp();
            server.Terminate();
            await Task.WhenAll([balancer, .. load]);
            if (await server.Ended() != 0) codes++;
            longest = Math.Max(longest, Stopwatch.GetElapsedTime(start).TotalSeconds);

            async Task Count(Func<Task<bool>> ask)
            {
                try
                {
                    var isGood = await ask();
                    Interlocked.Increment(ref answered);
                    if (Volatile.Read(ref told) == 1) Interlocked.Increment(ref late);
                    if (!isGood) Interlocked.Increment(ref failed);
                }
                catch (HttpRequestException error)
                {
                    if (Interlocked.Increment(ref failed) <= 5) Console.Error.WriteLine($"failed: {error.Message}");
                }
            }
        }

        return
        [
            Row.Of($"term: failed requests of {answered}, told to end {rounds} times", failed, "", most: 0),
            Row.Of("term: answered after that", late, "", least: rounds),
            Row.Of("term: ends with another code than 0", codes, "", most: 0),
            Row.Of("term: longest time to end", longest, "s"),
        ];
    }
}
