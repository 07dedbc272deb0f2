using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Inference;

/// <content>For services: requests of many callers, done one after the other by a thread of the model's own.</content>
public sealed partial class EquivariantModel : IAsyncDisposable
{
    private readonly Lock _threadLock = new();
    private readonly Lock _turn = new();
    private ModelThread? _thread;
    private bool _isDisposed;
    private int _isReleased;

    /// <summary>Requests of the asynchronous methods whose turn has not come.</summary>
    public int WaitingRequests => _thread?.Waiting ?? 0;

    /// <summary><see cref="Run"/> on the model's own thread, when the turn comes: any number of callers at once, in the order of their
    /// calls.</summary>
    /// <param name="images">At least one, of any sizes; not to be changed before the end.</param>
    /// <param name="progress">Told after each step, on the model's thread, which must not dispose the model.</param>
    /// <param name="cancellationToken">Takes the request out while it waits, and ends its run within one step.</param>
    /// <returns>The caller disposes it, on any thread. The same bits as <see cref="Run"/> gives.</returns>
    /// <remarks>No thread of the pool waits meanwhile. A synchronous method that is called while such a request runs waits for its
    /// end.</remarks>
    /// <exception cref="ImageException">As for <see cref="Run"/>.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed, or was before the request's turn.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Task<EquivariantResult> RunAsync(
        IReadOnlyList<ImageBuffer> images,
        IProgress<CanonicalisationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var own = Copied(images);
        return OnThread(token => Run(own, progress, token), cancellationToken);
    }

    /// <summary><see cref="Canonicalise"/> on the model's own thread, as <see cref="RunAsync"/>.</summary>
    /// <param name="images">At least one, as for <see cref="Canonicalise"/>; not to be changed before the end.</param>
    /// <param name="progress">Told after each step, on the model's thread, which must not dispose the model.</param>
    /// <param name="cancellationToken">Takes the request out while it waits, and ends its run within one step.</param>
    /// <returns>The caller disposes it, and may ask for answers on any one thread, also while the model does other requests.</returns>
    /// <exception cref="ArgumentException">An image has another size or other channels than the bundle.</exception>
    /// <exception cref="ImageException">An image has values that are not in [0, 1].</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed, or was before the request's turn.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Task<EquivariantBatch> CanonicaliseAsync(
        IReadOnlyList<ScaledImage> images,
        IProgress<CanonicalisationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var own = Copied(images);
        return OnThread(token => Canonicalise(own, progress, token), cancellationToken);
    }

    /// <summary>The network alone, as <see cref="RunNaive(IReadOnlyList{ImageBuffer}, CancellationToken)"/>, on the model's own thread, as
    /// <see cref="RunAsync"/>.</summary>
    /// <param name="images">At least one, of any sizes; not to be changed before the end.</param>
    /// <param name="cancellationToken">Takes the request out while it waits, and stops its run.</param>
    /// <returns>One answer an image, at its size.</returns>
    /// <exception cref="ImageException">As for the synchronous method.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed, or was before the request's turn.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Task<IReadOnlyList<ModelOutput>> RunNaiveAsync(
        IReadOnlyList<ImageBuffer> images, CancellationToken cancellationToken = default)
    {
        var own = Copied(images);
        return OnThread(token => RunNaive(own, token), cancellationToken);
    }

    /// <summary><c>RunAugmented</c> on the model's own thread, as <see cref="RunAsync"/>.</summary>
    /// <param name="images">At least one, of any sizes; not to be changed before the end.</param>
    /// <param name="cancellationToken">Takes the request out while it waits, and stops its run.</param>
    /// <returns>One answer an image, at its size.</returns>
    /// <exception cref="Bundles.BundleException">The bundle has no such network.</exception>
    /// <exception cref="ImageException">As for the synchronous method.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed, or was before the request's turn.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Task<IReadOnlyList<ModelOutput>> RunAugmentedAsync(
        IReadOnlyList<ImageBuffer> images, CancellationToken cancellationToken = default)
    {
        var own = Copied(images);
        return OnThread(token => RunAugmented(own, token), cancellationToken);
    }

    /// <summary>Ends the model: the asynchronous request that runs is waited for, those that wait end with an
    /// <see cref="ObjectDisposedException"/>, and the networks are released.</summary>
    /// <exception cref="InvalidOperationException">It is called from a request's own progress report.</exception>
    public void Dispose()
    {
        if (Close() is { } thread) thread.Dispose();
        Release();
    }

    /// <summary>As <see cref="Dispose"/>, without holding a thread while the request that runs is waited for.</summary>
    /// <exception cref="InvalidOperationException">It is called from a request's own progress report.</exception>
    public async ValueTask DisposeAsync()
    {
        if (Close() is { } thread) await thread.DisposeAsync().ConfigureAwait(false);
        Release();
    }

    private static (int Steps, int Refused) Outcome(IEnumerable<ImageCanonicalisation> images) =>
        images.Aggregate((Steps: 0, Refused: 0), (sum, image) =>
            (Math.Max(sum.Steps, image.Steps), sum.Refused + (image.Accepted ? 0 : 1)));

    private static T[] Copied<T>(IReadOnlyList<T> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentOutOfRangeException.ThrowIfZero(images.Count, nameof(images));
        return [.. images];
    }

    /// <summary>One run at a time, whoever calls.</summary>
    private T InTurn<T>(Func<T> run)
    {
        lock (_turn) return run();
    }

    private Task<T> OnThread<T>(Func<CancellationToken, T> work, CancellationToken cancellationToken)
    {
        ModelThread thread;
        lock (_threadLock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            thread = _thread ??= new ModelThread($"Model '{Bundle.Name}'", _options.QueueCapacity);
        }

        return thread.Run(work, cancellationToken);
    }

    /// <summary>Takes no more requests.</summary>
    /// <returns>The thread to wait for; null for none.</returns>
    private ModelThread? Close()
    {
        lock (_threadLock)
        {
            _thread?.RequireOtherThread();
            _isDisposed = true;
            return _thread;
        }
    }
}
