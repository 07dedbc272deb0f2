using System.Threading.Channels;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A thread of its own that does one piece of work after the other, in the order in which they were asked for.</summary>
/// <remarks>
/// Tensors, scopes and gradient modes are a thread's, so nothing awaits there: a piece of work runs from its first line to its last, and
/// who asked for it awaits the result. No thread of the pool waits meanwhile.
/// </remarks>
internal sealed class ModelThread : IDisposable, IAsyncDisposable
{
    private readonly Channel<Request> _requests;
    // Wakes the thread without help of the pool, which may have no thread to spare.
    private readonly SemaphoreSlim _arrivals = new(0);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private readonly string _name;
    private int _waiting;
    private volatile bool _isClosed;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">The thread's, for debuggers and messages.</param>
    /// <param name="capacity">Requests that are held; those beyond wait for room before they are taken.</param>
    public ModelThread(string name, int capacity)
    {
        _name = name;
        _requests = Channel.CreateBounded<Request>(new BoundedChannelOptions(capacity) { SingleReader = true });
        _thread = new Thread(Work) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Requests that have not begun.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Does a piece of work when its turn comes.</summary>
    /// <param name="work">What to do on the thread, with the caller's execution context.</param>
    /// <param name="cancellationToken">Takes the request out while it waits, and is handed to the work.</param>
    /// <exception cref="ObjectDisposedException">The thread ended before the request's turn.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<T> Run<T>(Func<CancellationToken, T> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var request = new Request<T>(this, work, cancellationToken);
        Interlocked.Increment(ref _waiting);
        // Nothing is awaited before, so that requests queue in the order of their calls.
        var writing = _requests.Writer.WriteAsync(request, cancellationToken);
        _arrivals.Release();
        try
        {
            await writing.ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            request.Refuse();
        }
        catch (OperationCanceledException)
        {
            request.Cancel();
        }

        using var registration = cancellationToken.UnsafeRegister(_ => request.Cancel(), null);
        return await request.Result.ConfigureAwait(false);
    }

    /// <summary>Lets the piece of work that runs end, refuses those that wait, and ends the thread.</summary>
    /// <exception cref="InvalidOperationException">It is called from the thread itself, which cannot wait for its own end.</exception>
    public void Dispose()
    {
        Close();
        _thread.Join();
    }

    /// <summary>As <see cref="Dispose"/>, without holding a thread while it waits.</summary>
    public async ValueTask DisposeAsync()
    {
        Close();
        await _ended.Task.ConfigureAwait(false);
    }

    /// <summary>Refuses to be disposed from the thread itself, which cannot wait for its own end.</summary>
    /// <exception cref="InvalidOperationException">This is the thread.</exception>
    public void RequireOtherThread()
    {
        if (Thread.CurrentThread == _thread)
            throw new InvalidOperationException(
                $"'{_name}' is disposed by its own work, such as a progress report, and would wait for itself for ever; "
                + "dispose it outside.");
    }

    private void Close()
    {
        RequireOtherThread();
        _isClosed = true;
        if (_requests.Writer.TryComplete()) _arrivals.Release();
    }

    private void Work()
    {
        while (true)
        {
            _arrivals.Wait();
            while (_requests.Reader.TryRead(out var request))
            {
                if (_isClosed) request.Refuse();
                else request.Run();
            }

            if (!_requests.Reader.Completion.IsCompleted) continue;
            _ended.SetResult();
            return;
        }
    }

    private abstract class Request(ModelThread thread)
    {
        private readonly ExecutionContext? _context = ExecutionContext.Capture();
        private int _hasLeft;

        /// <summary>Does the work, unless the request was cancelled.</summary>
        public void Run()
        {
            if (!Leave()) return;
            if (_context is null) Work();
            else ExecutionContext.Run(_context, _ => Work(), null);
        }

        /// <summary>Ends the request with an error, because the thread ends.</summary>
        public abstract void Refuse();

        protected abstract void Work();

        /// <summary>Takes the request out of those that wait.</summary>
        /// <returns>Whether it still waited: only then may the caller end it.</returns>
        protected bool Leave()
        {
            if (Interlocked.Exchange(ref _hasLeft, 1) != 0) return false;
            Interlocked.Decrement(ref thread._waiting);
            return true;
        }
    }

    private sealed class Request<T>(ModelThread thread, Func<CancellationToken, T> work, CancellationToken cancellationToken)
        : Request(thread)
    {
        // Whoever awaits goes on elsewhere: this thread is the model's.
        private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly string _name = thread._name;

        public Task<T> Result => _result.Task;

        /// <summary>Ends the request, unless it has begun: then its work ends it.</summary>
        public void Cancel()
        {
            if (Leave()) _result.SetCanceled(cancellationToken);
        }

        public override void Refuse()
        {
            if (Leave())
                _result.SetException(new ObjectDisposedException(_name, $"'{_name}' was disposed before the request's turn came."));
        }

        protected override void Work()
        {
            try
            {
                _result.SetResult(work(cancellationToken));
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                _result.SetCanceled(cancellationToken);
            }
            catch (Exception error)
            {
                _result.SetException(error);
            }
        }
    }
}
