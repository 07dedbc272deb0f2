using System.Collections.Concurrent;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Serving.Scheduling;

/// <summary>Searches of the server's own, by which it warms a model and tries whether it works: one at a time, in a batch apart from the
/// requests', and without being counted.</summary>
/// <param name="open">Makes an empty batch.</param>
internal sealed class TryOut(Func<ContinuousBatch> open)
{
    // Requests go first, but not for ever: a model that is always busy is tried, too.
    private const int TurnsOfRequests = 4;

    private readonly ConcurrentQueue<SearchJob> _waiting = new();
    private ContinuousBatch? _batch;
    private SearchJob? _job;
    private int _passedOver;

    /// <summary>Searches an image, when the device's thread comes to it.</summary>
    /// <returns>The image, which the caller disposes.</returns>
    public async Task<IReadOnlyList<FinishedImage>> RunAsync(ScaledImage image, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var job = new SearchJob([image], null, null, cancellationToken);
        _waiting.Enqueue(job);
        using var registration = cancellationToken.UnsafeRegister(_ => job.GiveUp(), null);
        return await job.Result.ConfigureAwait(false);
    }

    /// <summary>Does one step, on the device's thread; never throws.</summary>
    /// <param name="isBusy">Whether requests had a step.</param>
    /// <returns>False where there was nothing to do.</returns>
    public bool Advance(bool isBusy)
    {
        if (_job is null && _waiting.IsEmpty) return false;
        if (isBusy && ++_passedOver < TurnsOfRequests) return true;
        _passedOver = 0;
        try
        {
            if (!Begin()) return false;
            var (batch, job) = (_batch!, _job!);
            ModelTelemetry.Uncounted(() => batch.Step());
            foreach (var image in batch.TakeFinished()) job.Take(0, image);
            if (batch.Count == 0) End();
        }
        catch (Exception error)
        {
            Fail(error);
        }

        return true;
    }

    /// <summary>Ends what is left, when the model is unloaded; on the device's thread.</summary>
    public void Abandon(Exception error)
    {
        Fail(error);
        while (_waiting.TryDequeue(out var job)) job.Fail(error);
    }

    private bool Begin()
    {
        while (_job is null)
        {
            if (!_waiting.TryDequeue(out var job)) return false;
            if (job.Remaining == 0) continue;
            _job = job;
            _batch = open();
            job.JoinNext(_batch);
        }

        return true;
    }

    private void Fail(Exception error)
    {
        _job?.Fail(error);
        End();
    }

    private void End()
    {
        var batch = _batch;
        (_batch, _job) = (null, null);
        batch?.Dispose();
    }
}
