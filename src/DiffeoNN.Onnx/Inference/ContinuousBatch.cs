using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A running batch of images of one model: they join and leave between steps, as tokens do in servers of language models, so that
/// a short search does not wait for the end of a long one.</summary>
/// <remarks>
/// Proposer, search, network and answer are those of <see cref="EquivariantModel.Canonicalise"/>; steps of searches share runs of the
/// energy (<see cref="CanonicalisationBatch"/>). On the CPU an image's bits depend neither on who shares the batch nor on when others join.
/// Searches without steps, and those from several starts, are done in one piece, one run of them beside each step of the others: those
/// without steps and of equal settings together, those from several starts one by one. On the CPU, where a step's time grows with its
/// images, two a core take a step at a time: those that are nearest to their ends, while others come nearer to their turns.
/// Not safe for concurrent use: one thread joins, steps and takes. Tensors are a thread's.
/// </remarks>
public sealed class ContinuousBatch : IDisposable
{
    // Settings that were asked for lately keep their model, which is cheap and not for nothing.
    private const int KeptVariants = 16;

    private readonly EquivariantModel _model;
    private readonly TimeProvider _time;
    private readonly CanonicalisationBatch _searches;
    private readonly Dictionary<EquivariantOptions, Variant> _variants = [];
    private readonly Dictionary<long, Row> _searching = [];
    private List<Row> _joined = [];
    private List<FinishedImage> _finished = [];
    private long _next;
    private bool _disposed;

    internal ContinuousBatch(EquivariantModel model, TimeProvider time) =>
        (_model, _time, _searches) = (model, time, model.OpenSearches(time));

    /// <summary>Images that have not left.</summary>
    public int Count => _joined.Count + _searching.Count;

    /// <summary>Called, on the thread that steps, whenever a piece of a step is done: that it goes on.</summary>
    internal Action? Progress { get; set; }

    /// <summary>Settings that have a model of their own.</summary>
    internal int Variants => _variants.Count;

    /// <summary>Adds an image; what is to be done for it begins with the next step, or, where that is done in one piece, with the first
    /// step that has no other such piece to do.</summary>
    /// <param name="image">As <see cref="EquivariantModel.Prepare"/> or <see cref="EquivariantModel.Read"/> make it; not to be changed
    /// before it has left.</param>
    /// <param name="options">How it is searched; the model's own if null. Device, cores and queue are the model's whatever they say, and so
    /// are weights of energies where fields are graphs.</param>
    /// <param name="deadline">When its search has to end, from now on; null for never. Networks that run are waited for.</param>
    /// <param name="cancellationToken">Makes it leave within one step.</param>
    /// <returns>Its number, never used again.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A setting is outside its range, or the deadline is negative.</exception>
    /// <exception cref="Search.SearchException">The bundle lacks what the options ask for.</exception>
    public long Join(
        ScaledImage image, EquivariantOptions? options = null, SearchDeadline? deadline = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(deadline?.After ?? TimeSpan.Zero, TimeSpan.Zero, nameof(deadline));
        _joined.Add(new Row(_next, image, Take(options), deadline, _time.GetTimestamp(), cancellationToken));
        return _next++;
    }

    /// <summary>Begins what has joined, and takes one step of every search, or on the CPU of those whose turn it is. Images that are done,
    /// cancelled or late leave.</summary>
    /// <param name="cancellationToken">Ends the step within one run of a graph; a later step takes it up again.</param>
    /// <returns>How many images had something done.</returns>
    /// <exception cref="OperationCanceledException">The step's token was cancelled.</exception>
    public int Step(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var begun = 0;
        while (_joined.Find(row => row.Model.TakesSteps) is { } row)
        {
            // Taken out first: one that fails is told of and not tried again.
            _joined.Remove(row);
            begun++;
            Begin(row, cancellationToken);
            Progress?.Invoke();
        }

        if (_joined.Count > 0)
        {
            var rows = TakeAlike();
            begun += rows.Count;
            Finish(rows, cancellationToken);
            Progress?.Invoke();
        }

        var stepped = _model.Step(_searches, cancellationToken);
        foreach (var finished in _searches.TakeFinished())
            Leave(finished, cancellationToken);
        return begun + stepped;
    }

    /// <summary>Images that have left since it was asked last, in the order in which they did.</summary>
    /// <returns>The caller disposes them.</returns>
    public IReadOnlyList<FinishedImage> TakeFinished()
    {
        var finished = _finished;
        _finished = [];
        return finished;
    }

    /// <summary>Drops all images, and what was not taken.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        foreach (var row in _searching.Values) row.Passes.Dispose();
        foreach (var image in _finished) image.Dispose();
        _searching.Clear();
        _joined.Clear();
        _searches.Dispose();
        foreach (var variant in _variants.Values) variant.Model.Dispose();
        _variants.Clear();
    }

    /// <summary>Takes the image out that joined first, with those that can be done in the same run.</summary>
    private List<Row> TakeAlike()
    {
        List<Row> rows = [_joined[0]];
        for (var i = 1; i < _joined.Count && rows.Count < rows[0].Model.RunsTogether; i++)
        {
            var other = _joined[i];
            if (other.Model == rows[0].Model && other.Model.TakesPipeline(other.Image) == other.Model.TakesPipeline(rows[0].Image))
                rows.Add(other);
        }

        _joined.RemoveAll(rows.Contains);
        return rows;
    }

    /// <summary>Ends an image that nothing is to be done for any more.</summary>
    /// <returns>Whether it was such a one; else the time that it has left.</returns>
    private bool IsLate(Row row, out SearchDeadline? left)
    {
        left = row.Deadline is { } deadline
            ? deadline with { After = TimeSpan.FromTicks(Math.Max(0, (deadline.After - _time.GetElapsedTime(row.Joined)).Ticks)) }
            : null;
        if (row.CancellationToken.IsCancellationRequested)
        {
            End(row, RowOutcome.Cancelled, 0, null, Cancelled(row));
            return true;
        }

        if (left is not { IsFailure: true } missed || missed.After > TimeSpan.Zero) return false;
        End(row, RowOutcome.DeadlineExceeded, 0, null, new TimeoutException(
            $"The search had not begun after {row.Deadline!.Value.After.TotalMilliseconds:F0} ms."));
        return true;
    }

    private void Begin(Row row, CancellationToken cancellationToken)
    {
        if (IsLate(row, out var left)) return;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, row.CancellationToken);
        try
        {
            long search = -1;
            row.Proposing = row.Model.BeginSteps(row.Image, row.Passes, (pixels, settings, start) =>
                search = _searches.Join(pixels, settings, start, left, row.CancellationToken), either.Token);
            _searching.Add(search, row);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The step ends, not the row.
            row.Passes.Dispose();
            _joined.Insert(0, row.Again());
            throw;
        }
        catch (OperationCanceledException)
        {
            End(row, RowOutcome.Cancelled, 0, null, Cancelled(row));
        }
        catch (Exception error)
        {
            End(row, RowOutcome.Failed, 0, null, error);
        }
    }

    /// <summary>Does all that there is to do for images of one model that take no steps of the batch's.</summary>
    private void Finish(List<Row> rows, CancellationToken cancellationToken)
    {
        rows.RemoveAll(row => IsLate(row, out _));
        if (rows.Count == 0) return;
        // Of several, one that is cancelled has to wait for the others.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken, rows is [var alone] ? alone.CancellationToken : CancellationToken.None);
        try
        {
            var parts = rows[0].Model.Canonicalise([.. rows.Select(row => row.Image)], new Steps(this), either.Token).Apart();
            foreach (var (row, part) in rows.Zip(parts))
            {
                if (!row.CancellationToken.IsCancellationRequested)
                {
                    End(row, RowOutcome.Complete, part.Canonicalisation(0).Steps, part, null);
                    continue;
                }

                part.Dispose();
                End(row, RowOutcome.Cancelled, 0, null, Cancelled(row));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The step ends, not the rows.
            _joined.InsertRange(0, rows.Select(row => row.Again()));
            throw;
        }
        catch (OperationCanceledException)
        {
            End(rows[0], RowOutcome.Cancelled, 0, null, Cancelled(rows[0]));
        }
        catch (Exception) when (rows.Count > 1)
        {
            // Whose fault it is shows when each runs by itself.
            foreach (var row in rows) Finish([row], cancellationToken);
        }
        catch (Exception error)
        {
            End(rows[0], RowOutcome.Failed, 0, null, error);
        }
    }

    private void Leave(FinishedRow finished, CancellationToken cancellationToken)
    {
        _searching.Remove(finished.Id, out var row);
        if (finished.Result is not { } result)
        {
            End(row!, finished.Outcome, finished.Steps, null, finished.Error);
            finished.Dispose();
            return;
        }

        row!.Passes.Add(result);
        try
        {
            // What the search came to is not thrown away because the step is to end: the answer is a run or two of the network.
            var answer = row.Model.EndSteps(row.Image, row.Passes, row.Proposing, row.CancellationToken);
            End(row, finished.Outcome, finished.Steps, answer, null);
        }
        catch (OperationCanceledException)
        {
            End(row, RowOutcome.Cancelled, finished.Steps, null, Cancelled(row));
        }
        catch (Exception error)
        {
            End(row, RowOutcome.Failed, finished.Steps, null, error);
        }
    }

    private void End(Row row, RowOutcome outcome, int steps, EquivariantBatch? result, Exception? error)
    {
        row.Passes.Dispose();
        Return(row.Variant);
        _finished.Add(new FinishedImage(row.Id, outcome, steps, result, error));
    }

    private static OperationCanceledException Cancelled(Row row) => new("The image's token was cancelled.", row.CancellationToken);

    private Variant Take(EquivariantOptions? options)
    {
        if (options is null) return new Variant(_model, null);
        if (!_variants.TryGetValue(options, out var variant))
            _variants[options] = variant = new Variant(_model.WithOptions(options), options);
        variant.Users++;
        return variant;
    }

    private void Return(Variant variant)
    {
        if (variant.Options is null || --variant.Users > 0 || _variants.Count <= KeptVariants) return;
        _variants.Remove(variant.Options);
        variant.Model.Dispose();
    }

    private sealed class Steps(ContinuousBatch batch) : IProgress<CanonicalisationProgress>
    {
        public void Report(CanonicalisationProgress value) => batch.Progress?.Invoke();
    }

    private sealed class Variant(EquivariantModel model, EquivariantOptions? options)
    {
        public EquivariantModel Model => model;

        public EquivariantOptions? Options => options;

        public int Users { get; set; }
    }

    private sealed class Row(
        long id, ScaledImage image, Variant variant, SearchDeadline? deadline, long joined, CancellationToken cancellationToken)
    {
        public long Id => id;

        public ScaledImage Image => image;

        public Variant Variant => variant;

        public EquivariantModel Model => variant.Model;

        public SearchDeadline? Deadline => deadline;

        public long Joined => joined;

        public CancellationToken CancellationToken => cancellationToken;

        public PassResults Passes { get; } = new();

        public TimeSpan Proposing { get; set; }

        /// <summary>The same, with nothing done.</summary>
        public Row Again() => new(id, image, variant, deadline, joined, cancellationToken);
    }
}
