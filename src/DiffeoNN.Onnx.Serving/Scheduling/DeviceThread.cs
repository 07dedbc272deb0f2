using System.Collections.Concurrent;
using System.Diagnostics;

namespace DiffeoNN.Onnx.Serving.Scheduling;

/// <summary>The one thread that works on a device: a piece of what was asked for and a piece of each model's work in turn, for as long as
/// there is any, so that neither keeps the other waiting.</summary>
/// <remarks>Tensors, scopes and gradient modes are a thread's, so nothing awaits here.</remarks>
internal sealed class DeviceThread : IAsyncDisposable
{
    private readonly ConcurrentQueue<Action> _asked = new();
    // Wakes the thread without help of the pool, which may have no thread to spare.
    private readonly SemaphoreSlim _arrivals = new(0);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IDeviceWork> _works = [];
    private long _alive = Stopwatch.GetTimestamp();
    private volatile bool _isClosed;

    /// <summary>Starts the thread.</summary>
    public DeviceThread() => new Thread(Work) { Name = "Searches", IsBackground = true }.Start();

    /// <summary>Time since it last began a piece of work, or waited for one: long where the device hangs.</summary>
    public TimeSpan Silence => Stopwatch.GetElapsedTime(Interlocked.Read(ref _alive));

    /// <summary>Says, on the thread, that a piece of work goes on well that takes long.</summary>
    public void Beat() => Interlocked.Exchange(ref _alive, Stopwatch.GetTimestamp());

    /// <summary>Says that there may be something to do.</summary>
    public void Wake() => _arrivals.Release();

    /// <summary>Does some work's pieces from now on.</summary>
    public Task AddAsync(IDeviceWork work) => RunAsync(() =>
    {
        _works.Add(work);
        return true;
    });

    /// <summary>Does no more of them.</summary>
    /// <param name="work">The work.</param>
    /// <param name="close">Done last, on the thread.</param>
    public Task RemoveAsync(IDeviceWork work, Action close) => RunAsync(() =>
    {
        _works.Remove(work);
        close();
        return true;
    });

    /// <summary>Does something between two pieces of work.</summary>
    /// <exception cref="ObjectDisposedException">The thread has ended.</exception>
    public Task<T> RunAsync<T>(Func<T> work)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked.Enqueue(() =>
        {
            if (_isClosed)
            {
                result.SetException(new ObjectDisposedException(nameof(DeviceThread)));
                return;
            }

            try
            {
                result.SetResult(work());
            }
            catch (Exception error)
            {
                result.SetException(error);
            }
        });
        Wake();
        // Whoever asks after the end is told so, by whichever of the two sees it first.
        if (_ended.Task.IsCompleted) Answer();
        return result.Task;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _isClosed = true;
        Wake();
        await _ended.Task.ConfigureAwait(false);
        Answer();
    }

    private void Work()
    {
        while (!_isClosed)
        {
            Beat();
            var isBusy = _asked.TryDequeue(out var asked);
            asked?.Invoke();
            foreach (var work in _works)
            {
                Beat();
                isBusy |= work.Advance();
            }

            // The longest wait is what the watchdog may take for life.
            if (!isBusy && _asked.IsEmpty) _arrivals.Wait(TimeSpan.FromSeconds(1));
        }

        _ended.SetResult();
    }

    private void Answer()
    {
        while (_asked.TryDequeue(out var asked)) asked();
    }
}
