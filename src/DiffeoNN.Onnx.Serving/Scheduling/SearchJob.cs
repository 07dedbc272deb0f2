using System.Diagnostics;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Scheduling;

/// <summary>The images of a request: they join and leave a batch one by one, and are answered together.</summary>
internal sealed class SearchJob
{
    // Whoever awaits goes on elsewhere: the thread is the device's.
    private readonly TaskCompletionSource<IReadOnlyList<FinishedImage>> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _source;
    private readonly CancellationToken _sender;
    private readonly IReadOnlyList<ScaledImage> _images;
    private readonly FinishedImage?[] _finished;
    private readonly long _arrival = Stopwatch.GetTimestamp();
    private readonly SearchDeadline? _deadline;
    private Exception? _error;
    private int _joined;
    private int _left;
    private int _hasEnded;

    /// <param name="images">At least one.</param>
    /// <param name="options">How they are searched; null for as the model is.</param>
    /// <param name="deadline">From now on.</param>
    /// <param name="sender">The sender is gone, or its time is up.</param>
    public SearchJob(
        IReadOnlyList<ScaledImage> images, EquivariantOptions? options, SearchDeadline? deadline, CancellationToken sender)
    {
        (_images, Options, _deadline, _sender) = (images, options, deadline, sender);
        _finished = new FinishedImage?[images.Count];
        _source = CancellationTokenSource.CreateLinkedTokenSource(sender);
    }

    /// <summary>How its images are searched.</summary>
    public EquivariantOptions? Options { get; }

    /// <summary>Bytes of pixels that it holds.</summary>
    public long Bytes => BytesOf(_images);

    /// <summary>Images.</summary>
    public int Count => _images.Count;

    /// <summary>How long it waited for its first image to join.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>Images that are to join yet; none once one has failed.</summary>
    public int Remaining => HasEnded || _error is not null ? 0 : _images.Count - _joined;

    /// <summary>Whether its sender has been told.</summary>
    public bool HasEnded => Volatile.Read(ref _hasEnded) != 0;

    /// <summary>The images, in their order; the caller disposes them.</summary>
    public Task<IReadOnlyList<FinishedImage>> Result => _result.Task;

    /// <summary>Bytes of pixels that images hold.</summary>
    public static long BytesOf(IEnumerable<ScaledImage> images) => images.Sum(image =>
        sizeof(float) * ((long)image.Pixels.Data.Length + (image.NetworkPixels?.Data.Length ?? 0)));

    /// <summary>Lets the next image join.</summary>
    /// <returns>Its number in the batch, and its place among the images.</returns>
    public (long Id, int Index) JoinNext(ContinuousBatch batch)
    {
        if (_joined == 0) Waited = Stopwatch.GetElapsedTime(_arrival);
        var left = _deadline is { } deadline
            ? deadline with { After = TimeSpan.FromTicks(Math.Max(0, (deadline.After - Stopwatch.GetElapsedTime(_arrival)).Ticks)) }
            : (SearchDeadline?)null;
        var id = batch.Join(_images[_joined], Options, left, _source.Token);
        return (id, _joined++);
    }

    /// <summary>An image has left the batch.</summary>
    public void Take(int index, FinishedImage image)
    {
        _left++;
        if (image.Result is null)
        {
            image.Dispose();
            _error ??= image.Error;
            // The others are not worth the time.
            _source.Cancel();
        }
        else if (HasEnded)
        {
            image.Dispose();
        }
        else
        {
            _finished[index] = image;
        }

        if (_error is null ? _left == _images.Count : _left == _joined) End();
    }

    /// <summary>Ends it with an error, unless it has ended; for images that never joined, and faults of the batch.</summary>
    public void Fail(Exception error)
    {
        _error ??= error;
        End();
    }

    /// <summary>Takes it out of those that wait.</summary>
    /// <returns>Whether no image of it has joined: else the batch ends it.</returns>
    public bool GiveUp()
    {
        if (Volatile.Read(ref _joined) > 0) return false;
        Fail(new OperationCanceledException(_sender));
        return true;
    }

    private void End()
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) != 0) return;
        if (_error is null)
        {
            _result.SetResult(_finished!);
            return;
        }

        foreach (var image in _finished) image?.Dispose();
        if (_sender.IsCancellationRequested) _result.SetCanceled(_sender);
        else if (_error is TimeoutException)
            _result.SetException(new ProtocolException(ErrorKind.DeadlineExceeded, _error.Message, _error));
        else _result.SetException(_error);
    }
}
