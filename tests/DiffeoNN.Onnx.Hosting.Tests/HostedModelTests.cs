using System.Diagnostics;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Shapes;
using DiffeoNN.Onnx.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TorchSharp;

namespace DiffeoNN.Onnx.Hosting.Tests;

/// <summary>A model in a host: many callers, cancellation, the end, and what is logged.</summary>
[NonParallelizable]
public sealed class HostedModelTests
{
    private static readonly string Shapes = Repository.Bundle("shapes");

    [Test]
    public async Task Host_WithAModel_IsWarmWhenItHasStarted_AndLogsWhatHappened()
    {
        var log = new LogEntries();
        using var host = await Start(log, 2);
        var health = host.Services.GetRequiredService<HealthCheckService>();
        var model = host.Services.GetRequiredKeyedService<EquivariantModel>("shapes");
        Assert.That(log.Single(1).Fields, Is.SupersetOf(new Dictionary<string, object?>
        {
            ["Model"] = "shapes", ["Bundle"] = model.Bundle.Name, ["Device"] = model.Device.Reason, ["Cores"] = model.Cores,
        }));
        Assert.That(log.Single(3).Fields["Seconds"], Is.GreaterThan(0));
        Assert.That((await health.CheckHealthAsync()).Status, Is.EqualTo(HealthStatus.Healthy));

        using (var result = await model.RunAsync([Image(1), Image(2)]))
        {
            var ran = log.Last(4);
            Assert.That(ran.Fields, Is.SupersetOf(new Dictionary<string, object?>
            {
                ["Model"] = "shapes", ["Kind"] = "equivariant", ["Images"] = 2,
                ["Steps"] = result.Images.Max(image => image.Canonicalisation.Steps),
                ["Refused"] = result.Images.Count(image => !image.Canonicalisation.Accepted),
            }));
        }

        Assert.That(() => model.RunAsync([new ImageBuffer(1, 1, 9)]), Throws.TypeOf<ImageException>().With.Message.Contains("2x2"));
        var failed = log.Single(6);
        Assert.That(failed.Level, Is.EqualTo(LogLevel.Error));
        Assert.That(failed.Fields["ErrorType"], Is.EqualTo(typeof(ImageException).FullName));
        Assert.That(failed.Text, Does.Contain("a run of 1 images failed").And.Contain("2x2"));
        Assert.That((await health.CheckHealthAsync()).Status, Is.EqualTo(HealthStatus.Healthy), "the image was at fault");
        using var after = await model.RunAsync([Image(1)]);
        Assert.That(after.Images, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task HundredCallersAtOnce_GetTheAnswersOfSynchronousRuns_AndLeaveThePoolAlone()
    {
        const int callers = 100;
        var images = Enumerable.Range(0, callers).Select(Image).ToArray();
        byte[][] expected;
        using (var model = EquivariantModel.Load(Shapes, Options(1)))
            expected = [.. images.Select(image => { using var result = model.Run([image]); return Bits(result); })];

        using var host = await Start(new LogEntries(), 1);
        var served = host.Services.GetRequiredService<EquivariantModel>();
        var alive = LiveTensors.Settled();
        var threads = ThreadPool.ThreadCount;
        var requests = images.Select(image => served.RunAsync([image])).ToArray();
        var slowest = TimeSpan.Zero;
        while (!Task.WhenAll(requests).IsCompleted)
        {
            var clock = Stopwatch.StartNew();
            await Task.Run(() => { });
            slowest = clock.Elapsed > slowest ? clock.Elapsed : slowest;
            await Task.Delay(20);
        }

        var more = ThreadPool.ThreadCount - threads;
        for (var i = 0; i < callers; i++)
        {
            var result = await requests[i];
            Assert.That(Bits(result), Is.EqualTo(expected[i]), $"image {i}");
            await Task.Run(result.Dispose);
        }

        TestContext.Out.WriteLine($"slowest reply of the pool {slowest.TotalMilliseconds:f1} ms, {more} more of its threads");
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(alive));
        Assert.That(slowest, Is.LessThan(TimeSpan.FromSeconds(2)));
        Assert.That(more, Is.LessThan(callers / 4));
    }

    [Test]
    public async Task Cancelling_EndsAWaitingRequestAtOnce_AndARunningOneWithinAStep()
    {
        var log = new LogEntries();
        using var host = await Start(log, 1000);
        var model = host.Services.GetRequiredService<EquivariantModel>();
        using CancellationTokenSource running = new(), waiting = new();
        using var held = new Held();
        var first = model.RunAsync([Image(1)], held, running.Token);
        await held.Begun;
        var second = model.RunAsync([Image(2)], null, waiting.Token);
        var third = model.RunNaiveAsync([Image(3)]);
        Assert.That(model.WaitingRequests, Is.EqualTo(2));
        await waiting.CancelAsync();
        Assert.That(async () => await second, Throws.InstanceOf<OperationCanceledException>());
        Assert.That((first.IsCompleted, model.WaitingRequests), Is.EqualTo((false, 1)));
        await running.CancelAsync();
        held.Release();
        Assert.That(async () => await first, Throws.InstanceOf<OperationCanceledException>());
        Assert.That((await third)[0].Labels, Is.Not.Null, "what waits behind goes on");
        Assert.That(log.Single(5).Fields["Images"], Is.EqualTo(1), "the waiting one never ran");
        Assert.That(() => model.RunAsync([Image(1)], null, new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task Disposing_WaitsForTheRunningRequest_AndRefusesThoseThatWait()
    {
        var model = EquivariantModel.Load(Shapes, Options(30));
        using var held = new Held();
        Exception? inside = null;
        var first = model.RunAsync([Image(1)], new Told(progress =>
        {
            try { model.Dispose(); }
            catch (InvalidOperationException error) { inside = error; }
            held.Report(progress);
        }));
        await held.Begun;
        var second = model.RunAsync([Image(2)]);
        var disposal = model.DisposeAsync().AsTask();
        Assert.That((disposal.IsCompleted, first.IsCompleted), Is.EqualTo((false, false)));
        held.Release();
        await disposal;
        // It has run to its end; who awaits it goes on elsewhere, perhaps a moment later.
        using var result = await first.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.That(result.Images, Has.Count.EqualTo(1));
        Assert.That(inside?.Message, Does.Contain("is disposed by its own work"));
        Assert.That(async () => await second, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => model.RunAsync([Image(1)]), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(model.Dispose, Throws.Nothing, "twice");
    }

    [Test]
    public async Task Requests_BeyondTheQueue_AreDoneInTheOrderOfTheirCalls()
    {
        using var model = EquivariantModel.Load(Shapes, Options(1) with { QueueCapacity = 2 });
        var order = new List<int>();
        var requests = Enumerable.Range(0, 8).Select(async i =>
        {
            var told = new Told(_ => { lock (order) if (!order.Contains(i)) order.Add(i); });
            using var result = await model.RunAsync([Image(i)], told);
        });
        await Task.WhenAll([.. requests]);
        Assert.That(order, Is.EqualTo(Enumerable.Range(0, 8)));
    }

    private static EquivariantOptions Options(int steps) =>
        new()
        {
            Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 }, Steps = steps, Start = StartPoint.Identity,
        };

    private static async Task<IHost> Start(LogEntries log, int steps)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.AddProvider(log);
        builder.Services.AddDiffeoNN("shapes", options =>
        {
            options.Bundle = Shapes;
            // The warm-up searches, too: endless searches are for requests alone.
            options.WarmsUp = steps < 100;
            options.Configure = _ => Options(steps);
        });
        builder.Services.AddHealthChecks().AddDiffeoNN("shapes");
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private static ImageBuffer Image(int index) => ShapesGenerator.Generate(5, index).Image;

    private static byte[] Bits(EquivariantResult result) =>
    [
        .. result.Fields.Velocity.bytes, .. result.Fields.Canonical.bytes, .. result.Images[0].Output.Labels!.Labels,
    ];

    /// <summary>Holds a run at its first step.</summary>
    private sealed class Held : IProgress<CanonicalisationProgress>, IDisposable
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _released = new();

        public Task Begun => _begun.Task;

        public void Report(CanonicalisationProgress value)
        {
            _begun.TrySetResult();
            _released.Wait(TimeSpan.FromSeconds(60));
        }

        public void Release() => _released.Set();

        public void Dispose() => _released.Dispose();
    }

    private sealed class Told(Action<CanonicalisationProgress> tell) : IProgress<CanonicalisationProgress>
    {
        public void Report(CanonicalisationProgress value) => tell(value);
    }
}
