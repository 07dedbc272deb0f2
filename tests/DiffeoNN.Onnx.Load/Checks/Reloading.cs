using TorchSharp;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>Models loaded anew, whole and broken ones, while requests run.</summary>
internal static class Reloading
{
    public static async Task<IReadOnlyList<Row>> Run(Setting setting)
    {
        var files = Images.Files(20);
        await using var target = await Target.Start(setting.Bundle, setting.Threads);
        using var client = new Client(target.Http);
        await Client(client, files, setting.Times(200), 0, () => { });
        await client.Load();
        var tensors = await SettledTensors();
        List<long> memory = [];
        var (failed, reloads, broken, total, done) = (0, setting.Times(200), 0, setting.Times(10_000), 0);
        var requests = Task.Run(async () =>
            failed = await Client(client, files, total, setting.Seed, () => Interlocked.Increment(ref done)));
        var manifest = await File.ReadAllTextAsync(target.PathOf("diffeonn.json"));
        for (var i = 0; i < reloads; i++)
        {
            // Spread over the requests: loads in a row would be over before half of them.
            while (Volatile.Read(ref done) < (long)i * total / reloads && !requests.IsCompleted) await Task.Delay(20);
            var isBroken = i % 10 == 5;
            if (isBroken) await File.WriteAllTextAsync(target.PathOf("diffeonn.json"), "{");
            var status = await client.Load();
            if (isBroken) await File.WriteAllTextAsync(target.PathOf("diffeonn.json"), manifest);
            if (status != (isBroken ? 400 : 200)) broken++;
            memory.Add(Environment.WorkingSet);
        }

        await requests;
        await client.Load();
        return
        [
            Row.Of($"reload: failed requests of {total} during {reloads} loads", failed, "", most: 0),
            Row.Of("reload: loads that did not end as they should", broken, "", most: 0),
            Row.Of("reload: tensors more than before", await SettledTensors() - tensors, "", most: 0),
            Row.Of("reload: resident memory at the end / after a quarter", Growth(memory), "", most: 1.05),
        ];
    }

    // A load in progress and the collector's rhythm move single values by 5 to 10 % either way: medians over an eighth of the loads each.
    private static double Growth(List<long> memory)
    {
        var some = Math.Max(1, memory.Count / 8);
        double Median(int first) => memory.Skip(first).Take(some).Order().ElementAt(some / 2);
        return Median(memory.Count - some) / Median(memory.Count / 4);
    }

    // The version before ends when its last request has: counted once nothing has changed for a second.
    private static async Task<long> SettledTensors()
    {
        var (count, since) = (torch.Tensor.TotalCount, 0);
        for (var i = 0; i < 100 && since < 10; i++)
        {
            await Task.Delay(100);
            var now = torch.Tensor.TotalCount;
            (count, since) = (now, now == count ? since + 1 : 0);
        }

        return count;
    }

    private static async Task<int> Client(Client client, byte[][] files, int total, int seed, Action answered)
    {
        var (next, failed) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            int i;
            while ((i = Interlocked.Increment(ref next) - 1) < total)
            {
                var answer = await client.Infer(files[(i + seed) % files.Length], ["steps"]);
                if (answer.Status != 200) Interlocked.Increment(ref failed);
                answered();
            }
        })));
        return failed;
    }
}
