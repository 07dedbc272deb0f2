using System.Diagnostics;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Scheduling;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>One request at a time: those that wait are taken by priority, and of equal priority in the order of their arrival.</summary>
/// <remarks>A step of priority is worth a tenth of a second of waiting, so that nobody waits for ever.</remarks>
/// <param name="capacity">How many may wait.</param>
internal sealed class Turns(int capacity)
{
    private readonly Lock _gate = new();
    private readonly PriorityQueue<TaskCompletionSource, (double Time, long Arrival)> _waiting = new();
    private readonly Pace _pace = new(TimeProvider.System);
    private bool _isTaken;
    private long _arrivals;

    /// <summary>Requests that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate) return _waiting.Count;
        }
    }

    /// <summary>Whether a request runs.</summary>
    public bool IsTaken
    {
        get
        {
            lock (_gate) return _isTaken;
        }
    }

    /// <summary>Waits for the turn.</summary>
    /// <param name="priority">The smallest is first.</param>
    /// <param name="cancellationToken">Takes the request out.</param>
    /// <returns>Disposing it ends the turn.</returns>
    /// <exception cref="ProtocolException">As many wait as may.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async ValueTask<IDisposable> TakeAsync(long priority, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (!_isTaken)
            {
                _isTaken = true;
                _pace.Begin();
                return new Turn(this);
            }

            if (_waiting.Count >= capacity)
                throw new ProtocolException(ErrorKind.Busy, $"{capacity} requests wait for this model already; try again later.")
                {
                    RetryAfter = _pace.TimeOf(_waiting.Count),
                };
            var now = Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;
            _waiting.Enqueue(turn, (now + (SearchQueue.SecondsAPriority * priority), _arrivals++));
        }

        using var registration = cancellationToken.UnsafeRegister(_ => GiveUp(turn, cancellationToken), null);
        await turn.Task.ConfigureAwait(false);
        return new Turn(this);
    }

    private void GiveUp(TaskCompletionSource turn, CancellationToken cancellationToken)
    {
        // Whoever has been given the turn in this moment takes it, and sees the token itself.
        lock (_gate)
        {
            if (_waiting.Remove(turn, out _, out _)) turn.SetCanceled(cancellationToken);
        }
    }

    private void End()
    {
        lock (_gate)
        {
            _pace.Add(1);
            if (_waiting.TryDequeue(out var next, out _)) next.SetResult();
            else _isTaken = false;
        }
    }

    private sealed class Turn(Turns turns) : IDisposable
    {
        private int _isOver;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isOver, 1) == 0) turns.End();
        }
    }
}
