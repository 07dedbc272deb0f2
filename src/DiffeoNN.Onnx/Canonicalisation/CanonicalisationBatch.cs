using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>A running batch of searches: images join and leave between steps, each with settings, a deadline and a token of its own.
/// </summary>
/// <remarks>
/// A row is searched for as <see cref="Canonicaliser"/> does. Rows share runs of the energy: those of one image size, with the same
/// weights, that want the gradient or not. All else is a row's own and on the CPU is computed on one core, so that its bits depend neither
/// on who shares the batch nor on when others join. An energy of networks that libtorch runs, or that are bound to a batch of several
/// images, is evaluated image by image for it; one of the caller's own has to keep images apart by itself.
/// Not safe for concurrent use: one thread joins, steps and takes.
/// </remarks>
public sealed class CanonicalisationBatch : IDisposable
{
    private readonly ISearchStepper _stepper;
    private readonly RowEnergies _energies;
    private readonly TimeProvider _time;
    private readonly List<BatchRow> _rows = [];
    private List<FinishedRow> _finished = [];
    private long _next;
    private bool _disposed;

    /// <summary>An empty batch.</summary>
    /// <param name="energy">What rows minimise; stays the caller's, for longer than the batch.</param>
    public CanonicalisationBatch(IEnergy energy)
        : this(energy, null, null)
    {
    }

    /// <summary>An empty batch whose fields something else than libtorch computes, or with another clock.</summary>
    internal CanonicalisationBatch(
        IEnergy energy, ISearchFields? fields, TimeProvider? time, Func<OnnxEnergy>? withEntropy = null)
    {
        ArgumentNullException.ThrowIfNull(energy);
        _energies = new RowEnergies(energy, withEntropy);
        _stepper = (fields ?? new TorchFields(energy)).Stepper(apart: true);
        _time = time ?? TimeProvider.System;
    }

    /// <summary>How many rows take part in a step at most. Where a step's time grows with its rows, nobody gains by company beyond that
    /// many: those go first that are nearest to their ends, and what waits comes nearer with every step.</summary>
    internal int RowsTogether { get; init; } = int.MaxValue;

    /// <summary>Rows that go on.</summary>
    public int Count => _rows.Count;

    /// <summary>Adds an image; its search begins with the next step.</summary>
    /// <param name="image">Shape (1, C, H, W), float32, in the range the energy expects; copied. Images of a batch may differ in size where
    /// the energy takes several.</param>
    /// <param name="settings">How to search; defaults if null. What it does not say of the weights of networks is the energy's own.</param>
    /// <param name="start">Velocity to start from, shape (1, 2, h, w) on a lattice of any size, as for <see cref="Canonicaliser"/>; zero if
    /// null.</param>
    /// <param name="deadline">When the search has to end; null for never.</param>
    /// <param name="cancellationToken">Makes the row leave within one step.</param>
    /// <returns>Its number, never used again.</returns>
    /// <exception cref="ArgumentException">Shapes or types are wrong.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is outside its range, or the deadline is negative.</exception>
    public long Join(
        torch.Tensor image, SearchSpec? settings = null, torch.Tensor? start = null, SearchDeadline? deadline = null,
        CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        settings ??= new SearchSpec();
        settings.Validate();
        Canonicaliser.Check(image, start);
        if (image.size(0) != 1)
        {
            throw new ArgumentException(
                $"image has shape {Fields.SamplingGrid.Shape(image)}; a row is one, (1, C, height, width).", nameof(image));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(deadline?.After ?? TimeSpan.Zero, TimeSpan.Zero, nameof(deadline));
        var energy = _energies.Take(settings);
        torch.Tensor? copy = null;
        try
        {
            copy = image.detach().clone().DetachFromDisposeScope();
            _rows.Add(new BatchRow(
                _next, copy, energy, isTimeUp => _stepper.Begin(settings, copy, start, energy, isTimeUp), deadline, _time,
                cancellationToken));
            return _next++;
        }
        catch
        {
            copy?.Dispose();
            _energies.Return(energy);
            throw;
        }
    }

    /// <summary>Takes one step of every row: the update that its last iterate asked for, then the energy of the next iterate. Rows that are
    /// done, cancelled or late leave.</summary>
    /// <param name="cancellationToken">Ends the step within one run of a graph; a later step takes it up again.</param>
    /// <returns>How many rows were stepped.</returns>
    /// <exception cref="OperationCanceledException">The step's token was cancelled.</exception>
    public int Step(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        Leave(cancellationToken);
        BatchRow[] stepped = [.. _rows.Count > RowsTogether ? _rows.OrderBy(row => row.Turn).Take(RowsTogether) : _rows];
        if (stepped.Length == 0)
            return 0;
        foreach (var row in stepped.Length < _rows.Count ? _rows.Except(stepped) : [])
            row.Waited++;
        var failures = _stepper.Step([.. stepped.Select(row => row.Run)], cancellationToken);
        for (var i = 0; i < stepped.Length; i++)
            stepped[i].Failure = failures[i];
        Leave(cancellationToken);
        return stepped.Length;
    }

    /// <summary>Rows that have left since it was asked last, in the order in which they did.</summary>
    /// <returns>The caller disposes them.</returns>
    public IReadOnlyList<FinishedRow> TakeFinished()
    {
        var finished = _finished;
        _finished = [];
        return finished;
    }

    /// <summary>Drops all rows, and what was not taken.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (var row in _rows)
            row.Dispose();
        foreach (var row in _finished)
            row.Dispose();
        _rows.Clear();
        _stepper.Dispose();
        _energies.Dispose();
    }

    private void Leave(CancellationToken cancellationToken)
    {
        foreach (var row in _rows.ToArray())
        {
            if (row.Leaving() is { } leaving)
                Drop(row, leaving);
        }

        BatchRow[] done = [.. _rows.Where(row => row.Run.IsDone)];
        if (done.Length == 0)
            return;
        var results = _stepper.Finish([.. done.Select(row => row.Run)], cancellationToken);
        foreach (var (row, (result, failure)) in done.Zip(results))
            Drop(row, row.With(result, failure));
    }

    private void Drop(BatchRow row, FinishedRow finished)
    {
        _rows.Remove(row);
        _finished.Add(finished);
        _energies.Return(row.Energy);
        row.Dispose();
    }
}
