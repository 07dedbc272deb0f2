using System.Diagnostics;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>Priority and time limit of a request, from its arrival on: the parameters <c>priority</c>, <c>timeout</c> and
/// <c>on_timeout</c>.</summary>
internal sealed class RequestClock : IDisposable
{
    /// <summary>Who says nothing comes after those who do, unless they ask for less.</summary>
    public const long UsualPriority = 100;

    private readonly CancellationTokenSource _source;
    private readonly CancellationToken _sender;
    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>Reads the parameters and starts.</summary>
    /// <param name="parameters"><c>priority</c>: 1 is first; 0 is as none. <c>timeout</c>: microseconds; 0 is as none. <c>on_timeout</c>:
    /// <c>error</c>, or <c>best</c> for the best that searches have found by then.</param>
    /// <param name="sender">The sender is gone.</param>
    public RequestClock(RequestParameters parameters, CancellationToken sender)
    {
        Priority = parameters.Whole("priority") is > 0 and var priority ? priority : UsualPriority;
        var timeout = parameters.Whole("timeout") ?? 0;
        _sender = sender;
        _source = CancellationTokenSource.CreateLinkedTokenSource(sender);
        Limit = TimeSpan.FromMicroseconds(Math.Min(timeout, (long)int.MaxValue * 1000));
        var wantsBest = parameters.Text("on_timeout") switch
        {
            null or "error" => false,
            "best" => true,
            var other => throw RequestParameters.Wrong("on_timeout", other, "error, best"),
        };
        if (timeout == 0) return;
        Deadline = new SearchDeadline(Limit, IsFailure: !wantsBest);
        if (!wantsBest) _source.CancelAfter(Limit);
    }

    /// <summary>The smallest is first.</summary>
    public long Priority { get; }

    /// <summary>How long it may take; zero for as long as it needs.</summary>
    public TimeSpan Limit { get; }

    /// <summary>When searches have to end, from the arrival on; null for never.</summary>
    public SearchDeadline? Deadline { get; }

    /// <summary>The sender is gone, or the time is up and it wants nothing any more.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Time since its arrival.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    /// <summary>Does the request's work, and tells the end of its time from that of its sender.</summary>
    /// <param name="work">Ends with the token.</param>
    /// <exception cref="ProtocolException">The time was up.</exception>
    public async ValueTask<T> Run<T>(Func<CancellationToken, ValueTask<T>> work)
    {
        try
        {
            return await work(Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException error) when (!_sender.IsCancellationRequested && Token.IsCancellationRequested)
        {
            throw new ProtocolException(ErrorKind.DeadlineExceeded,
                $"The request's timeout of {Limit.TotalMilliseconds:0.###} ms was up before its answer.", error);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();
}
