using System.Diagnostics;
using System.Globalization;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Scheduling;

/// <summary>Images of a bundle's requests: those that wait, by priority and arrival, and those in the running batch, which others join as
/// soon as there is room.</summary>
/// <remarks>A step of priority is worth a tenth of a second of waiting, so that nobody waits for ever.</remarks>
internal sealed class SearchQueue : IDeviceWork
{
    /// <summary>Seconds of waiting that a step of priority is worth.</summary>
    public const double SecondsAPriority = 0.1;

    private readonly Lock _gate = new();
    private readonly PriorityQueue<SearchJob, (double Time, long Arrival)> _waiting = new();
    private readonly PriorityQueue<SearchJob, long> _due = new();
    private readonly Dictionary<long, (SearchJob Job, int Index)> _running = [];
    private readonly Func<ContinuousBatch> _open;
    private readonly ServingOptions _options;
    private readonly ServingMeter _meter;
    private readonly DeviceThread _thread;
    private readonly Pace _pace = new(TimeProvider.System);
    private readonly TryOut _tryOut;
    private ContinuousBatch? _batch;
    private long _arrivals;
    private int _images;
    private long _bytes;
    private int _joined;

    /// <param name="thread">Does the work.</param>
    /// <param name="open">Makes an empty batch.</param>
    /// <param name="options">Limits.</param>
    /// <param name="meter">Is told what is done.</param>
    public SearchQueue(DeviceThread thread, Func<ContinuousBatch> open, ServingOptions options, ServingMeter meter) =>
        (_thread, _open, _options, _meter, _tryOut) = (thread, open, options, meter, new TryOut(OpenBatch));

    /// <summary>Images that wait or run.</summary>
    public int Images => Volatile.Read(ref _images);

    /// <summary>Images that are in the batch.</summary>
    public int Running => Volatile.Read(ref _joined);

    /// <summary>Searches images.</summary>
    /// <param name="images">At least one.</param>
    /// <param name="options">How; null for as the model is.</param>
    /// <param name="priority">The smallest is first.</param>
    /// <param name="deadline">From now on; null for never.</param>
    /// <param name="cancellationToken">Takes the images out, or ends their searches within one step.</param>
    /// <returns>The images in their order, which the caller disposes, and how long they waited.</returns>
    /// <exception cref="ProtocolException">As many images or bytes wait as may, or the deadline passed.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<(IReadOnlyList<FinishedImage> Images, TimeSpan Waited)> RunAsync(
        IReadOnlyList<ScaledImage> images, EquivariantOptions? options, long priority, SearchDeadline? deadline,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var job = new SearchJob(images, options, deadline, cancellationToken);
        var bytes = job.Bytes;
        lock (_gate)
        {
            Enter(job.Count, bytes);
            var now = Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;
            _waiting.Enqueue(job, (now + (SecondsAPriority * priority), _arrivals++));
            if (deadline is { IsFailure: false } due)
                _due.Enqueue(job, Stopwatch.GetTimestamp() + (long)(due.After.TotalSeconds * Stopwatch.Frequency));
        }

        try
        {
            _thread.Wake();
            using var registration = cancellationToken.UnsafeRegister(_ => GiveUp(job), null);
            return (await job.Result.ConfigureAwait(false), job.Waited);
        }
        finally
        {
            Leave(job.Count, bytes);
            if (deadline is not null)
            {
                lock (_gate) _due.Remove(job, out _, out _);
            }
        }
    }

    /// <summary>Searches an image of the server's own, to see whether that works: in a batch apart, beside which requests go on, and
    /// without being counted.</summary>
    /// <param name="image">Any.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task TryAsync(ScaledImage image, CancellationToken cancellationToken)
    {
        var result = _tryOut.RunAsync(image, cancellationToken);
        _thread.Wake();
        foreach (var one in await result.ConfigureAwait(false)) one.Dispose();
    }

    /// <summary>Runs the network alone on images, between steps of the searches, as many at a time as are searched.</summary>
    /// <param name="images">At least one.</param>
    /// <param name="run">Gives one answer an image; on the device's thread.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The answers in the images' order, which the caller disposes.</returns>
    /// <exception cref="ProtocolException">As many images or bytes wait as may.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<IReadOnlyList<T>> RunAloneAsync<T>(
        IReadOnlyList<ScaledImage> images, Func<IReadOnlyList<ScaledImage>, CancellationToken, IReadOnlyList<T>> run,
        CancellationToken cancellationToken)
        where T : IDisposable
    {
        var bytes = SearchJob.BytesOf(images);
        lock (_gate) Enter(images.Count, bytes);
        var answers = new List<T>();
        try
        {
            foreach (var part in images.Chunk(_options.MaximumRows))
            {
                answers.AddRange(await _thread.RunAsync(() =>
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    return run(part, cancellationToken);
                }).ConfigureAwait(false));
            }

            return answers;
        }
        catch
        {
            foreach (var answer in answers) answer.Dispose();
            throw;
        }
        finally
        {
            Leave(images.Count, bytes);
        }
    }

    /// <inheritdoc/>
    public bool Advance()
    {
        var isBusy = AdvanceRequests();
        _thread.Beat();
        return _tryOut.Advance(isBusy) || isBusy;
    }

    private bool AdvanceRequests()
    {
        try
        {
            Admit();
            if (_batch is null || _batch.Count == 0) return false;
            var begun = Stopwatch.GetTimestamp();
            var rows = _batch.Step();
            _meter.Step(rows, Stopwatch.GetElapsedTime(begun));
            Deliver(_batch.TakeFinished());
        }
        catch (Exception error)
        {
            // A fault that belongs to no image: the batch is given up, and the next request begins a new one.
            Abandon(error);
        }

        return true;
    }

    /// <summary>Ends what is left, when no more requests come; on the device's thread.</summary>
    public void Close()
    {
        var error = new ObjectDisposedException(nameof(SearchQueue), "The model was unloaded.");
        Abandon(error);
        _tryOut.Abandon(error);
    }

    // Within the gate.
    private void Enter(int images, long bytes)
    {
        RequireRoom(images, bytes);
        if (_images == 0) _pace.Begin();
        (_images, _bytes) = (_images + images, _bytes + bytes);
    }

    private void Leave(int images, long bytes)
    {
        lock (_gate) (_images, _bytes) = (_images - images, _bytes - bytes);
    }

    private void RequireRoom(int images, long bytes)
    {
        if (_images + images > _options.QueueCapacity && _images > 0)
        {
            throw new ProtocolException(ErrorKind.Busy,
                $"{_images} images wait for this model or run, of {_options.QueueCapacity} that may; try again later.")
            {
                RetryAfter = _pace.TimeOf(_images),
            };
        }

        if (_bytes + bytes > _options.QueueBytes && _bytes > 0)
        {
            throw new ProtocolException(ErrorKind.Busy, string.Create(CultureInfo.InvariantCulture,
                $"Images of {_bytes / 1e6:F0} MB wait for this model or run, of {_options.QueueBytes / 1e6:F0} MB that may; try again."))
            {
                RetryAfter = _pace.TimeOf(_images),
            };
        }
    }

    private void GiveUp(SearchJob job)
    {
        lock (_gate)
        {
            if (!job.GiveUp()) return;
            _waiting.Remove(job, out _, out _);
        }
    }

    private void Admit()
    {
        if (_options.Batching == BatchingMode.Request && _running.Count > 0) return;
        AdmitDue();
        while (_running.Count < _options.MaximumRows)
        {
            SearchJob job;
            lock (_gate)
            {
                if (!_waiting.TryPeek(out job!, out _)) return;
                if (job.Remaining == 0)
                {
                    _waiting.Dequeue();
                    continue;
                }
            }

            Join(job);
        }
    }

    /// <summary>Lets those in whose time is up and who want the best there is: they have no step to take, and so need no room.</summary>
    private void AdmitDue()
    {
        while (true)
        {
            SearchJob job;
            lock (_gate)
            {
                if (!_due.TryPeek(out job!, out var due) || due > Stopwatch.GetTimestamp()) return;
                _due.Dequeue();
            }

            while (job.Remaining > 0) Join(job);
        }
    }

    private ContinuousBatch OpenBatch()
    {
        var batch = _open();
        batch.Progress = _thread.Beat;
        return batch;
    }

    private void Join(SearchJob job)
    {
        try
        {
            _batch ??= OpenBatch();
            var (id, index) = job.JoinNext(_batch);
            _running.Add(id, (job, index));
            Volatile.Write(ref _joined, _running.Count);
        }
        catch (Exception error)
        {
            // Settings that the bundle does not take, say.
            job.Fail(error);
        }
    }

    private void Deliver(IReadOnlyList<FinishedImage> finished)
    {
        lock (_gate) _pace.Add(finished.Count);
        foreach (var image in finished)
        {
            _running.Remove(image.Id, out var place);
            // Before its sender is told: nothing of it runs then.
            Volatile.Write(ref _joined, _running.Count);
            _meter.Finish(image);
            place.Job.Take(place.Index, image);
        }
    }

    private void Abandon(Exception error)
    {
        try
        {
            _batch?.Dispose();
        }
        finally
        {
            _batch = null;
            foreach (var (job, _) in _running.Values) job.Fail(error);
            _running.Clear();
            Volatile.Write(ref _joined, 0);
        }
    }
}
