using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation.Graphs;

/// <summary>One search over a batch by graphs: the same search as <see cref="CanonicalisationRun"/>, up to rounding.</summary>
/// <remarks>Rows are positions in the batch as it is now, images positions in the batch as it was given;
/// rows that only fill up the batch belong to no image (-1).</remarks>
internal sealed class GraphRun : ISearchRun
{
    private readonly GraphFields _fields;
    private readonly SearchSpec _options;
    private readonly StageClock _clock = new();
    private readonly Acceptance _acceptance;
    private readonly torch.Tensor _allImages;
    private readonly ImageState[] _states;
    private readonly GraphBatch _batch;
    private readonly EnergyReading _reading;
    private readonly GraphSteps? _steps;
    private readonly DeviceTensor? _start;
    private readonly double[] _startSpeeds;
    private readonly Func<bool>? _isTimeUp;
    private GraphRows? _rows;
    private DeviceTensor? _best;
    private GraphMaps? _maps;
    private int _step;
    private bool _hasGradient;
    private bool _needsInputs;
    private bool _ends;

    /// <summary>Sets up the batch; images and start are the caller's.</summary>
    public GraphRun(
        GraphFields fields, SearchSpec options, torch.Tensor images, torch.Tensor? start, Func<bool>? isTimeUp = null)
    {
        (_fields, _options, _acceptance, _allImages, _isTimeUp) = (fields, options, new Acceptance(options), images, isTimeUp);
        _reading = new EnergyReading(fields.Energy.TermNames, options);
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var grid = SamplingGrid.Of(images);
        _states = [.. Enumerable.Range(0, (int)images.size(0)).Select(_ => new ImageState(options))];
        _batch = new GraphBatch(fields, options, images);
        _startSpeeds = new double[_batch.Size];
        if (start is not null)
        {
            var full = LatticeUpsampling.Resample(start.detach().cpu(), grid);
            var speeds = ScalingAndSquaring.FastestSpeeds(full);
            _startSpeeds = [.. Enumerable.Range(0, _batch.Size).Select(row => speeds[row < speeds.Length ? row : 0])];
            _start = _batch.Upload(full);
            _needsInputs = true;
        }

        if (options.Steps > 0)
            _steps = new GraphSteps(fields, options, grid, (int)images.size(1), _start is not null);
    }

    /// <inheritdoc/>
    public bool IsDone => _states.All(state => state.Stop is not null);

    /// <inheritdoc/>
    public IEnumerable<StopReason> Stops => _states.Select(state => state.Stop).OfType<StopReason>();

    /// <inheritdoc/>
    public CanonicalisationProgress Progress => new(
        _step, _options.Steps, _states.Length, _states.Count(state => state.Stop is null), [.. _states.Select(state => state.BestTotal)],
        _clock.Elapsed);

    /// <summary>Takes the update that the last iterate asked for, if there was one, and judges the next iterate.</summary>
    public void Step(CancellationToken cancellationToken)
    {
        if (_needsInputs)
            MeasureInputs(cancellationToken);
        if (_steps is null)
        {
            TakeStart(cancellationToken);
            return;
        }

        _rows ??= new GraphRows(_fields, _steps, _batch, _start, _states.Length, _startSpeeds);
        if (_hasGradient)
        {
            _clock.Measure(Stage.Optimiser, () => _rows.Update(_step + 1, cancellationToken));
            (_hasGradient, _step) = (false, _step + 1);
            if (_fields.BatchSizes.IsWorthShrinking(_rows.Count, _states.Count(state => state.Stop is null)))
                _rows.Keep(image => _states[image].Stop is null);
        }

        var table = _clock.Measure(Stage.SearchGraph, () => _rows.Step(_step < _options.Steps, cancellationToken));
        Judge(_step, _rows, table);
        _hasGradient = !IsDone;
        TakeBestIfDone();
    }

    /// <inheritdoc/>
    public void End()
    {
        _ends = true;
        foreach (var state in _states)
            state.EndIfBegun();
        TakeBestIfDone();
    }

    /// <summary>Rebuilds the best iterates with their inverses and measures, repairs maps that fail their certificate, and puts the
    /// identity in place of what is refused.</summary>
    /// <returns>Its tensors belong to nobody's scope.</returns>
    public CanonicalisationResult Finish(CancellationToken cancellationToken)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var (maps, canonical) = _clock.Measure(Stage.Diagnostics, () =>
        {
            _maps ??= BestMaps(cancellationToken);
            return _maps.Certify(_acceptance, _states.Length);
        });
        return new SearchOutcome(_fields.Energy, _options, _allImages, _states, _clock).Of(maps, canonical, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rows?.Dispose();
        _maps?.Dispose();
        _best?.Dispose();
        _start?.Dispose();
        _batch.Dispose();
    }

    private void MeasureInputs(CancellationToken cancellationToken)
    {
        var energies = _clock.Measure(Stage.EnergyGradient, () => _batch.Energies(_batch.Images, cancellationToken));
        for (var i = 0; i < _states.Length; i++)
            _states[i].SetInputEnergy(_reading.Energy(energies[i]));
        _needsInputs = false;
    }

    private void TakeBestIfDone()
    {
        if (!IsDone || _rows is null)
            return;
        _best = _rows.TakeBest();
        _rows.Dispose();
        _rows = null;
    }

    /// <summary>Without steps the start is the result: its maps are made once, and the energies are those of the image they lead
    /// to.</summary>
    private void TakeStart(CancellationToken cancellationToken)
    {
        _maps = _clock.Measure(Stage.Diagnostics, () => StartMaps(cancellationToken));
        var energies = _clock.Measure(Stage.EnergyGradient, () => _batch.Energies(_maps.Canonical, cancellationToken));
        for (var i = 0; i < _states.Length; i++)
        {
            var iterate = _reading.Iterate(energies[i], 0, _maps.Orientation(i));
            _states[i].Add(0, CanonicalisationRun.HasNotDiverged(_startSpeeds[i]) ? iterate : iterate with { Total = double.NaN }, false);
            if (_acceptance.IsCanonical(_states[i].InputEnergy))
                _states[i].LeaveAlone();
        }
    }

    private GraphMaps StartMaps(CancellationToken cancellationToken)
    {
        DeviceTensor velocity;
        if (_start is null)
        {
            using var zeros = torch.zeros([_states.Length, 2, .. _allImages.shape[2..]]);
            velocity = _batch.Upload(zeros);
        }
        else
        {
            velocity = _fields.Copy.RunSingle(new Dictionary<string, DeviceTensor> { ["x"] = _start }, "y", cancellationToken);
        }

        return _batch.Maps(velocity, new Squarings(_startSpeeds, _options), cancellationToken);
    }

    private GraphMaps BestMaps(CancellationToken cancellationToken)
    {
        var (velocity, squarings) = _steps!.Velocity(_best!, _start, cancellationToken);
        return _batch.Maps(velocity, squarings, cancellationToken);
    }

    private void Judge(int step, GraphRows rows, float[][] table)
    {
        var timeIsUp = _ends || _clock.Elapsed >= _options.TimeBudget || _isTimeUp?.Invoke() == true;
        var improved = new bool[rows.Count];
        for (var row = 0; row < rows.Count; row++)
        {
            if (rows.ImageOf(row) is not (>= 0 and var image))
                continue;
            var numbers = table[row];
            var iterate = _reading.Iterate(numbers.AsSpan()[..^2], numbers[^2], numbers[^1]);
            if (!rows.IsAlive(row))
                iterate = iterate with { Total = double.NaN };
            improved[row] = _states[image].Stop is null && _states[image].Add(step, iterate, timeIsUp);
            if (step == 0 && _acceptance.IsCanonical(_states[image].InputEnergy))
                _states[image].LeaveAlone();
        }

        // At the start all lattices are zero, as the memory of the best ones is; nothing else may enter it unless it is better.
        if (step > 0 && improved.Contains(true))
            rows.Remember(improved);
    }
}
