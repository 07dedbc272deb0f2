using System.Diagnostics;
using System.Diagnostics.Metrics;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Serving.Scheduling;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Requests of many clients in one running batch.</summary>
[NonParallelizable]
public sealed class SearchQueueTests
{
    private static readonly ExecutionOptions Cpu = new() { Device = ExecutionDevice.Cpu };
    private static readonly string Shapes = Checkout.Bundle("shapes");

    private static readonly (string Name, object Value)[][] Asked =
    [
        [],
        [("steps", 6L), ("start", "identity"), ("accept", "always")],
        [("steps", 0L), ("start", "proposer"), ("passes", 2L)],
        [("steps", 3L), ("seed", 9L)],
        [("steps", 12L), ("start", "identity")],
    ];

    [Test]
    public async Task ManyClientsAtOnce_AreAnsweredAsEachAlone()
    {
        await using var model = await Load(new ServingOptions { MaximumRows = 5 });
        var requests = Enumerable.Range(0, 40).Select(i => Request(i, Asked[i % Asked.Length])).ToList();
        var alone = new List<InferenceResponse>();
        foreach (var request in requests) alone.Add(await model.InferAsync(request));
        var together = await Task.WhenAll(requests.Select(request => Task.Run(() => model.InferAsync(request).AsTask())));
        foreach (var (one, other) in alone.Zip(together)) Same(one, other);
        Assert.That((model.PendingImages, model.RunningImages), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task ARequestOfMoreImagesThanMayRun_IsAnsweredInItsOrder()
    {
        await using var model = await Load(new ServingOptions { MaximumRows = 2 });
        var images = Enumerable.Range(0, 7).Select(i => BundleModelTests.Image(i)).ToArray();
        var whole = await model.InferAsync(BundleModelTests.Pixels(images, ("steps", 2L)));
        Assert.That(whole.Images, Is.EqualTo(7));
        for (var i = 0; i < images.Length; i++)
        {
            var one = await model.InferAsync(BundleModelTests.Pixels([images[i]], ("steps", 2L)));
            foreach (var (part, all) in one.Outputs.Zip(whole.Outputs))
            {
                var bytes = part.Data.Length;
                if (part.Type != DataType.Bytes)
                    Assert.That(all.Data.Span.Slice(i * bytes, bytes).SequenceEqual(part.Data.Span), part.Name);
            }
        }
    }

    [Test]
    public async Task AShortSearch_OvertakesALongOne_UnlessRequestsAreBatched([Values] BatchingMode batching)
    {
        await using var model = await Load(new ServingOptions { Batching = batching });
        var slow = model.InferAsync(Request(1, ("steps", 300L), ("start", "identity"), ("accept", "always"))).AsTask();
        while (model.RunningImages == 0) await Task.Delay(1);
        var quick = model.InferAsync(Request(2, ("steps", 2L), ("start", "identity"))).AsTask();
        var first = await Task.WhenAny(slow, quick);
        Assert.That(first == quick, Is.EqualTo(batching == BatchingMode.Continuous));
        await Task.WhenAll(slow, quick);
    }

    [Test]
    public async Task Priority_DecidesWhoIsNext()
    {
        await using var model = await Load(new ServingOptions { MaximumRows = 1 });
        var first = model.InferAsync(Request(1, ("steps", 60L), ("start", "identity"), ("accept", "always"))).AsTask();
        while (model.RunningImages == 0) await Task.Delay(1);
        var usual = model.InferAsync(Request(2, ("steps", 30L), ("start", "identity"))).AsTask();
        var urgent = model.InferAsync(Request(3, ("steps", 30L), ("start", "identity"), ("priority", 1L))).AsTask();
        Assert.That(await Task.WhenAny(usual, urgent), Is.SameAs(urgent));
        await Task.WhenAll(first, usual, urgent);
    }

    [Test]
    public async Task AtItsTimeout_ARequestHasTheBestSoFar_IfItAsksForThat()
    {
        await using var model = await Load(new ServingOptions());
        (string, object)[] slow = [("steps", 500L), ("start", "identity"), ("accept", "always"), ("timeout", 250_000L)];
        var start = Stopwatch.GetTimestamp();
        var best = await model.InferAsync(Request(4, [.. slow, ("on_timeout", "best")]));
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(20)));
        Assert.That(best.Parameters.Truth("best_at_deadline"), Is.True);
        var outputs = best.Outputs.ToDictionary(output => output.Name);
        Assert.That(outputs["steps"].As<int>()[0], Is.InRange(1, 499));
        Assert.That(outputs["energy_after"].As<double>()[0], Is.LessThan(outputs["energy_before"].As<double>()[0]));
        Assert.That(async () => await model.InferAsync(Request(4, slow)), Throws.TypeOf<ProtocolException>()
            .With.Property("Kind").EqualTo(ErrorKind.DeadlineExceeded));
        Assert.That(async () => await model.InferAsync(Request(4, ("on_timeout", "perhaps"))), Throws.TypeOf<ProtocolException>()
            .With.Message.EqualTo("Parameter 'on_timeout' is 'perhaps'; expected error, best."));
    }

    [Test]
    public async Task AtItsTimeout_ARequestThatWaitsHasTheBestThereIs_AlsoWhereNoRoomIsLeft()
    {
        await using var model = await Load(new ServingOptions { MaximumRows = 1 });
        using var source = new CancellationTokenSource();
        var running = model.InferAsync(Request(1, ("steps", 1000L), ("start", "identity"), ("accept", "always")), source.Token).AsTask();
        while (model.RunningImages == 0) await Task.Delay(1);
        var waiting = model.InferAsync(Request(
            2, ("steps", 500L), ("start", "identity"), ("timeout", 100_000L), ("on_timeout", "best"))).AsTask();
        var best = await waiting;
        Assert.That(running.IsCompleted, Is.False);
        Assert.That(best.Parameters.Truth("best_at_deadline"), Is.True);
        await source.CancelAsync();
        Assert.That(async () => await running, Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task WhatAServerDoesNotAllow_IsRefusedBeforeItIsComputed()
    {
        await using var model = await Load(new ServingOptions
        {
            MaximumSteps = 9, MaximumPasses = 4, Limits = new ProtocolLimits { AnswerBytes = 64 * 64 },
        });
        (InferenceRequest Request, string Message)[] refused =
        [
            (Request(1, ("steps", 10L)), "Parameter 'steps' is 10; this server allows 9."),
            (Request(1, ("passes", 5L)), "Parameter 'passes' is 5; this server allows 4."),
            (Request(1) with { Outputs = [new RequestedOutput("mask"), new RequestedOutput("naive_mask")] },
                "The outputs that are asked for have 8192 bytes at the images' sizes; 4096 are the most. "
                + "Ask for fewer outputs or images, or send smaller images."),
            (Request(1) with { Outputs = [new RequestedOutput("probabilities")] }, "The outputs that are asked for have 32768 bytes"),
        ];
        foreach (var (request, message) in refused)
        {
            Assert.That(async () => await model.InferAsync(request), Throws.TypeOf<ProtocolException>()
                .With.Property("Kind").EqualTo(ErrorKind.TooLarge).And.Message.StartsWith(message));
        }

        Assert.That((await model.InferAsync(Request(1, ("passes", 4L)))).Outputs, Is.Not.Empty);
        Assert.That((model.PendingImages, model.RunningImages), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task TheNetworkAlone_DoesNotKeepSearchesWaiting()
    {
        await using var model = await Load(new ServingOptions());
        using var source = new CancellationTokenSource();
        var alone = Enumerable.Range(0, 6).Select(_ => Task.Run(async () =>
        {
            var request = BundleModelTests.Pixels([.. Enumerable.Range(0, 4).Select(i => BundleModelTests.Image(i))]) with
            {
                Outputs = [new RequestedOutput("naive_mask")],
            };
            while (!source.IsCancellationRequested) await model.InferAsync(request);
        })).ToList();
        while (model.PendingImages == 0) await Task.Delay(1);
        for (var i = 0; i < 3; i++) await model.InferAsync(Request(i, ("steps", 2L))).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.That(alone.TrueForAll(task => !task.IsCompleted));
        await source.CancelAsync();
        await Task.WhenAll(alone);
    }

    [Test]
    public async Task WhoIsGone_IsSearchedForByNoFurtherStep()
    {
        await using var model = await Load(new ServingOptions());
        using var source = new CancellationTokenSource();
        var running = model.InferAsync(Request(5, ("steps", 500L), ("start", "identity"), ("accept", "always")), source.Token).AsTask();
        while (model.RunningImages == 0 || model.Steps < 3) await Task.Delay(1);
        await source.CancelAsync();
        var steps = model.Steps;
        Assert.That(async () => await running, Throws.InstanceOf<OperationCanceledException>());
        while (model.RunningImages > 0) await Task.Delay(1);
        Assert.That(model.Steps - steps, Is.LessThanOrEqualTo(2), "the one that ran, and the one in which it left");
    }

    [Test]
    public async Task RandomCancellations_LeaveNothingBehind()
    {
        await using var model = await Load(new ServingOptions { MaximumRows = 4 });
        var request = Request(6, ("steps", 5L), ("start", "identity"));
        var expected = await model.InferAsync(request);
        // Settings that were asked for lately keep what they need.
        foreach (var asked in Asked) await model.InferAsync(Request(6, asked));
        var before = LiveTensors.Settled();
        var random = new Random(3);
        var all = Enumerable.Range(0, 300).Select(i =>
        {
            var (delay, asked) = (TimeSpan.FromMilliseconds(random.Next(150)), Asked[i % Asked.Length]);
            return Task.Run(async () =>
            {
                using var source = new CancellationTokenSource(delay);
                try
                {
                    await model.InferAsync(Request(i, asked), source.Token);
                }
                catch (Exception error) when (error is OperationCanceledException or ProtocolException { Kind: ErrorKind.Busy })
                {
                }
            });
        }).ToList();
        await Task.WhenAll(all);
        Same(expected, await model.InferAsync(request));
        Assert.That((model.PendingImages, model.RunningImages), Is.EqualTo((0, 0)));
        Assert.That(torch.Tensor.TotalCount, Is.LessThanOrEqualTo(before));
    }

    [Test]
    public async Task WhatTheServerTries_IsNotCounted()
    {
        var counted = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name is ServingMeter.Name or ModelTelemetry.Name) listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, _, _, _) => Count(instrument));
        listener.SetMeasurementEventCallback<double>((instrument, _, _, _) => Count(instrument));
        listener.Start();
        await using var model = await Load(new ServingOptions());
        await model.CheckAsync();
        // What takes no steps is counted by the library, too.
        var stepless = Request(1, ("steps", 0L), ("start", "proposer"));
        using (var bare = EquivariantModel.Load(
            Shapes, ModelParameters.Apply(stepless.Parameters, new EquivariantOptions { Execution = Cpu }, new ServingOptions())))
        {
            var tryOut = new TryOut(bare.OpenBatch);
            var trying = tryOut.RunAsync(bare.Prepare(BundleModelTests.Image(1)), default);
            while (tryOut.Advance(isBusy: false))
            {
            }

            foreach (var image in await trying) image.Dispose();
        }

        Assert.That(counted, Is.Empty);
        Assert.That((model.Steps, model.PendingImages), Is.EqualTo((0L, 0)));

        await model.InferAsync(Request(1, ("steps", 2L), ("start", "identity")));
        await model.InferAsync(stepless);
        Assert.That(counted, Does.Contain("diffeonn.steps").And.Contain("diffeonn.searches").And.Contain("diffeonn.images"));

        void Count(Instrument instrument)
        {
            lock (counted) counted.Add(instrument.Name);
        }
    }

    [Test]
    public async Task WhatTheServerTries_IsTriedAlsoWhileRequestsRun()
    {
        await using var model = await Load(new ServingOptions());
        var running = model.InferAsync(Request(5, ("steps", 400L), ("start", "identity"), ("accept", "always"))).AsTask();
        while (model.RunningImages == 0) await Task.Delay(1);
        await model.TryAsync();
        Assert.That(running.IsCompleted, Is.False);
        await running;
    }

    [Test]
    public async Task SettingsThatTheBundleDoesNotTake_FailTheirRequestAlone()
    {
        await using var model = await Load(new ServingOptions());
        Assert.That(async () => await model.InferAsync(Request(1, ("passes", 100_000L))),
            Throws.TypeOf<ProtocolException>().With.Property(nameof(ProtocolException.Kind)).EqualTo(ErrorKind.Invalid)
                .And.Message.Contains("passes"));
        Assert.That((await model.InferAsync(Request(1))).Outputs, Is.Not.Empty);
    }

    private static async Task<BundleModel> Load(ServingOptions options)
    {
        var model = BundleModel.Load(Shapes, options with { Execution = Cpu });
        await model.WarmUpAsync();
        return model;
    }

    private static InferenceRequest Request(int image, params (string Name, object Value)[] parameters) =>
        BundleModelTests.Pixels([BundleModelTests.Image(image)], parameters);

    private static void Same(InferenceResponse one, InferenceResponse other)
    {
        foreach (var (a, b) in one.Outputs.Zip(other.Outputs))
        {
            Assert.That(b.Name, Is.EqualTo(a.Name));
            if (a.Type == DataType.Bytes)
                Assert.That(b.Strings.Select(text => text.ToArray()), Is.EqualTo(a.Strings.Select(text => text.ToArray())), a.Name);
            else
                Assert.That(b.Data.Span.SequenceEqual(a.Data.Span), a.Name);
        }
    }
}
