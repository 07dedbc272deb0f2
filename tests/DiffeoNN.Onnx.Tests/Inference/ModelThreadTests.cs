using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>A thread that does one piece of work after the other.</summary>
public sealed class ModelThreadTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    [Test]
    public async Task Work_IsDoneOnTheThreadInOrder()
    {
        using var thread = new ModelThread("mine", 2);
        var order = new List<int>();
        var all = Enumerable.Range(0, 20).Select(i => thread.Run(_ =>
        {
            order.Add(i);
            return Thread.CurrentThread.Name;
        }, default)).ToArray();
        Assert.That(await Task.WhenAll(all).WaitAsync(Long), Is.All.EqualTo("mine"));
        Assert.That(order, Is.EqualTo(Enumerable.Range(0, 20)), "also those beyond the queue");
        Assert.That(thread.Waiting, Is.Zero);
    }

    [Test]
    public async Task Failures_EndTheirRequestAlone()
    {
        using var thread = new ModelThread("mine", 4);
        var failing = thread.Run<int>(_ => throw new FormatException("no"), default);
        Assert.That(async () => await failing.WaitAsync(Long), Throws.TypeOf<FormatException>().With.Message.EqualTo("no"));
        Assert.That(await thread.Run(_ => 3, default).WaitAsync(Long), Is.EqualTo(3));
        var foreign = thread.Run<int>(_ => throw new OperationCanceledException("another's"), default);
        Assert.That(async () => await foreign.WaitAsync(Long), Throws.TypeOf<OperationCanceledException>());
    }

    [Test]
    public async Task Cancelling_TakesOutWhatWaits_AndIsHandedToWhatRuns()
    {
        using var thread = new ModelThread("mine", 4);
        using CancellationTokenSource running = new(), waiting = new();
        using ManualResetEventSlim begun = new(), go = new();
        var ran = false;
        var first = thread.Run(token =>
        {
            begun.Set();
            go.Wait(Long, CancellationToken.None);
            token.ThrowIfCancellationRequested();
            return 1;
        }, running.Token);
        Assert.That(begun.Wait(Long));
        var second = thread.Run(_ => ran = true, waiting.Token);
        var third = thread.Run(_ => 3, default);
        Assert.That(thread.Waiting, Is.EqualTo(2));

        await waiting.CancelAsync();
        Assert.That(async () => await second.WaitAsync(Long), Throws.InstanceOf<OperationCanceledException>());
        Assert.That((first.IsCompleted, thread.Waiting), Is.EqualTo((false, 1)));
        await running.CancelAsync();
        Assert.That(first.IsCompleted, Is.False, "what runs ends itself");
        go.Set();
        Assert.That(async () => await first.WaitAsync(Long), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(first.IsCanceled);
        Assert.That((await third.WaitAsync(Long), ran, thread.Waiting), Is.EqualTo((3, false, 0)));
        Assert.That(() => thread.Run(_ => 1, running.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(thread.Waiting, Is.Zero);
    }

    [Test]
    public async Task Cancelling_WhatWaitsForRoom_EndsItAtOnce()
    {
        using var thread = new ModelThread("mine", 1);
        using var cancellation = new CancellationTokenSource();
        using ManualResetEventSlim begun = new(), go = new();
        var first = thread.Run(_ =>
        {
            begun.Set();
            return go.Wait(Long, CancellationToken.None);
        }, default);
        Assert.That(begun.Wait(Long));
        var second = thread.Run(_ => 2, default);
        var third = thread.Run(_ => 3, cancellation.Token);
        await cancellation.CancelAsync();
        Assert.That(async () => await third.WaitAsync(Long), Throws.InstanceOf<OperationCanceledException>());
        go.Set();
        Assert.That((await first.WaitAsync(Long), await second.WaitAsync(Long)), Is.EqualTo((true, 2)));
    }

    [Test]
    public async Task Disposing_WaitsForWhatRunsAndRefusesWhatWaits([Values] bool asynchronously)
    {
        var thread = new ModelThread("mine", 4);
        using ManualResetEventSlim begun = new(), go = new();
        Exception? inside = null;
        var first = thread.Run(_ =>
        {
            try { thread.Dispose(); }
            catch (InvalidOperationException error) { inside = error; }
            begun.Set();
            return go.Wait(Long, CancellationToken.None);
        }, default);
        Assert.That(begun.Wait(Long));
        var second = thread.Run(_ => 2, default);
        var disposal = asynchronously ? thread.DisposeAsync().AsTask() : Task.Run(thread.Dispose);
        // From when on it takes no more, not even what would wait.
        Assert.That(SpinWait.SpinUntil(() =>
        {
            Thread.Sleep(1);
            return thread.Run(_ => 4, default).IsFaulted;
        }, Long));
        Assert.That((disposal.IsCompleted, first.IsCompleted), Is.EqualTo((false, false)));
        go.Set();
        await disposal.WaitAsync(Long);
        Assert.That(await first.WaitAsync(Long));
        Assert.That(async () => await second.WaitAsync(Long), Throws.TypeOf<ObjectDisposedException>()
            .With.Message.StartsWith("'mine' was disposed before the request's turn came."));
        Assert.That(() => thread.Run(_ => 4, default), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(inside?.Message, Is.EqualTo("'mine' is disposed by its own work, such as a progress report, and would wait for itself "
            + "for ever; dispose it outside."));
        Assert.That(thread.Waiting, Is.Zero);
        Assert.That(thread.Dispose, Throws.Nothing, "twice");
    }

    [Test]
    public async Task Work_HasTheCallersContext()
    {
        using var thread = new ModelThread("mine", 4);
        var local = new AsyncLocal<string?> { Value = "caller" };
        Assert.That(await thread.Run(_ => local.Value, default).WaitAsync(Long), Is.EqualTo("caller"));
        Task<string?> without;
        using (ExecutionContext.SuppressFlow()) without = thread.Run<string?>(_ => local.Value, default);
        Assert.That(await without.WaitAsync(Long), Is.Null);
    }
}
