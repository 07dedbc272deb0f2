using DiffeoNN.Onnx.Energies;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>A row of a <see cref="CanonicalisationBatch"/>: its search, and what its caller asked for.</summary>
internal sealed class BatchRow : IDisposable
{
    private readonly long _joined;
    private readonly TimeProvider _time;
    private readonly SearchDeadline? _deadline;
    private readonly CancellationToken _cancellationToken;
    private readonly torch.Tensor _image;
    private readonly ISearchRun _run;

    /// <summary>Begins the search.</summary>
    /// <param name="id">Of the row.</param>
    /// <param name="image">Owned.</param>
    /// <param name="energy">What the row minimises; stays the caller's.</param>
    /// <param name="begin">Begins a search that asks whether its time is up.</param>
    /// <param name="deadline">Counted from now.</param>
    /// <param name="time">Measures it.</param>
    /// <param name="cancellationToken">The caller's.</param>
    public BatchRow(
        long id, torch.Tensor image, IEnergy energy, Func<Func<bool>, ISearchRun> begin, SearchDeadline? deadline, TimeProvider time,
        CancellationToken cancellationToken)
    {
        (Id, _image, Energy, _deadline, _time, _cancellationToken) = (id, image, energy, deadline, time, cancellationToken);
        _joined = time.GetTimestamp();
        _run = begin(() => IsLate);
    }

    /// <summary>Of the row.</summary>
    public long Id { get; }

    /// <summary>What it minimises.</summary>
    public IEnergy Energy { get; }

    /// <summary>Its search.</summary>
    public ISearchRun Run => _run;

    /// <summary>Why it cannot go on; null while it can.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Steps of others that it has waited for.</summary>
    public int Waited { get; set; }

    /// <summary>The smallest is next: steps that it may take yet, less those that it waited for, so that none waits for ever.</summary>
    public int Turn => _run.Progress.Steps - _run.Progress.Step - Waited;

    private bool IsLate => _deadline is { } deadline && _time.GetElapsedTime(_joined) >= deadline.After;

    /// <summary>How the row leaves without a result; null while it stays, or if it has one.</summary>
    public FinishedRow? Leaving()
    {
        if (_cancellationToken.IsCancellationRequested)
            return Without(RowOutcome.Cancelled, new OperationCanceledException("The row's token was cancelled.", _cancellationToken));
        if (Failure is not null)
            return Without(RowOutcome.Failed, Failure);
        if (IsLate && !_run.IsDone)
            _run.End();
        return _deadline is { IsFailure: true } deadline && IsLate && (!_run.IsDone || EndedForTime)
            ? Without(RowOutcome.DeadlineExceeded, new TimeoutException(
                $"The search was not at its end after {deadline.After.TotalMilliseconds:F0} ms "
                + $"and {Steps} of {_run.Progress.Steps} steps."))
            : null;
    }

    /// <summary>How it leaves with what its search came to.</summary>
    public FinishedRow With(CanonicalisationResult? result, Exception? failure) => result is null
        ? Without(RowOutcome.Failed, failure!)
        : new FinishedRow(Id, IsLate && EndedForTime ? RowOutcome.BestAtDeadline : RowOutcome.Complete, Steps, result, null);

    /// <inheritdoc/>
    public void Dispose()
    {
        _run.Dispose();
        _image.Dispose();
    }

    private int Steps => _run.Progress.Step;

    private bool EndedForTime => _run.Stops.Contains(StopReason.TimeBudget);

    private FinishedRow Without(RowOutcome outcome, Exception error) => new(Id, outcome, Steps, null, error);
}
