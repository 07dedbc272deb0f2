using Microsoft.Extensions.Hosting;

namespace DiffeoNN.Onnx.Serving.Rpc;

/// <summary>Calls that last as long as their clients like: streams, and watchers of health. A server that is about to end has to end them
/// itself, since it would wait for them as for requests in flight.</summary>
internal sealed class LongCalls : IDisposable
{
    private readonly CancellationTokenSource _ending;
    private int _count;

    /// <param name="lifetime">Ends them where nobody does before.</param>
    public LongCalls(IHostApplicationLifetime lifetime) =>
        _ending = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStopping);

    /// <summary>They are to end.</summary>
    public CancellationToken Ending => _ending.Token;

    /// <summary>Does such a call.</summary>
    public async Task Run(Func<Task> call)
    {
        Interlocked.Increment(ref _count);
        try
        {
            await call().ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _count);
        }
    }

    /// <summary>Ends them, and waits until their clients have been told.</summary>
    /// <param name="limit">Ends the waiting; until then, what they were just asked is still answered.</param>
    public async Task EndAsync(CancellationToken limit)
    {
        // Also those that are yet to come.
        await _ending.CancelAsync().ConfigureAwait(false);
        if (Volatile.Read(ref _count) == 0) return;
        while (Volatile.Read(ref _count) > 0 && !limit.IsCancellationRequested) await Task.Delay(10, default).ConfigureAwait(false);
        // What says so is written by then, and leaves a moment later; the web server closes connections without looking.
        await Task.Delay(100, default).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _ending.Dispose();
}
