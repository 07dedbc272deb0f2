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
        await Client(client, files, setting.Times(200), 0);
        await client.Load();
        var (tensors, memory) = (torch.Tensor.TotalCount, 0L);
        var (failed, reloads, broken) = (0, setting.Times(200), 0);
        var requests = Task.Run(async () => failed = await Client(client, files, setting.Times(10_000), setting.Seed));
        var manifest = await File.ReadAllTextAsync(target.PathOf("diffeonn.json"));
        for (var i = 0; i < reloads; i++)
        {
            var isBroken = i % 10 == 5;
            if (isBroken) await File.WriteAllTextAsync(target.PathOf("diffeonn.json"), "{");
            var status = await client.Load();
            if (isBroken) await File.WriteAllTextAsync(target.PathOf("diffeonn.json"), manifest);
            if (status != (isBroken ? 400 : 200)) broken++;
            if (i == reloads / 4) memory = Environment.WorkingSet;
        }

        var end = Environment.WorkingSet;
        await requests;
        await client.Load();
        return
        [
            Row.Of($"reload: failed requests of {setting.Times(10_000)} during {reloads} loads", failed, "", most: 0),
            Row.Of("reload: loads that did not end as they should", broken, "", most: 0),
            Row.Of("reload: tensors more than before", torch.Tensor.TotalCount - tensors, "", most: 0),
            Row.Of("reload: resident memory at the end / after a quarter", end / (double)Math.Max(1, memory), "", most: 1.05),
        ];
    }

    private static async Task<int> Client(Client client, byte[][] files, int total, int seed)
    {
        var (next, failed) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            int i;
            while ((i = Interlocked.Increment(ref next) - 1) < total)
            {
                var answer = await client.Infer(files[(i + seed) % files.Length], ["steps"]);
                if (answer.Status != 200) Interlocked.Increment(ref failed);
            }
        })));
        return failed;
    }
}
