using TorchSharp;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>Requests whose senders leave at random moments: nothing is left behind.</summary>
internal static class Cancelling
{
    public static async Task<IReadOnlyList<Row>> Run(Setting setting)
    {
        var files = Images.Files(20);
        await using var target = await Target.Start(setting.Bundle, setting.Threads, options => options with { QueueCapacity = 100_000 });
        using var client = new Client(target.Http);
        foreach (var asked in Images.Mixed) await client.Infer(files[0], ["mask"], asked);
        var expected = await client.Infer(files[0], ["mask", "steps"], Images.Mixed[1]);
        var before = torch.Tensor.TotalCount;
        var (total, next) = (setting.Times(10_000), 0);
        await Task.WhenAll(Enumerable.Range(0, 100).Select(worker => Task.Run(async () =>
        {
            var random = new Random(setting.Seed + worker);
            int i;
            while ((i = Interlocked.Increment(ref next) - 1) < total)
            {
                using var source = new CancellationTokenSource(random.Next(1, 60));
                try
                {
                    await client.Infer(files[i % files.Length], ["mask"], Images.Mixed[i % Images.Mixed.Length], source.Token);
                }
                catch (OperationCanceledException)
                {
                }
            }
        })));
        var end = DateTime.UtcNow.AddSeconds(20);
        while (Busy(target) > 0 && DateTime.UtcNow < end) await Task.Delay(20);
        var after = await client.Infer(files[0], ["mask", "steps"], Images.Mixed[1]);
        var isRight = after.Outputs.All(pair => expected.Outputs[pair.Key].AsSpan().SequenceEqual(pair.Value));
        return
        [
            Row.Of($"cancel: images that wait or run after {total} cancellations", Busy(target), "", most: 0),
            Row.Of("cancel: tensors more than before", torch.Tensor.TotalCount - before, "", most: 0),
            Row.Of("cancel: next request wrong", isRight ? 0 : 1, "", most: 0),
        ];
    }

    private static int Busy(Target target) => target.Server.Repository.Pending().Sum(one => one.Waiting + one.Running);
}
