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
    private readonly GraphSteps? _steps;
    private readonly DeviceTensor? _start;
    private readonly double[] _startSpeeds;
    private DeviceTensor? _best;
    private GraphMaps? _maps;

    /// <summary>Sets up the batch; images and start are the caller's.</summary>
    public GraphRun(GraphFields fields, SearchSpec options, torch.Tensor images, torch.Tensor? start)
    {
        (_fields, _options, _acceptance, _allImages) = (fields, options, new Acceptance(options), images);
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
        }

        if (options.Steps > 0)
            _steps = new GraphSteps(fields, options, grid, (int)images.size(1), _start is not null);
    }

    /// <inheritdoc/>
    public void Optimise(IProgress<CanonicalisationProgress>? progress, CancellationToken cancellationToken)
    {
        if (_start is not null)
            MeasureInputs(cancellationToken);
        if (_steps is null)
        {
            TakeStart(cancellationToken);
            Report(progress, 0);
            return;
        }

        using var rows = new GraphRows(_fields, _steps, _batch, _start, _states.Length, _startSpeeds);
        for (var step = 0; ; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var table = _clock.Measure(Stage.SearchGraph, () => rows.Step(step < _options.Steps, cancellationToken));
            Judge(step, rows, table);
            Report(progress, step);
            if (_states.All(state => state.Stop is not null))
                break;
            _clock.Measure(Stage.Optimiser, () => rows.Update(step + 1, cancellationToken));
            if (_fields.BatchSizes.IsWorthShrinking(rows.Count, _states.Count(state => state.Stop is null)))
                rows.Keep(image => _states[image].Stop is null);
        }

        _best = rows.TakeBest();
    }

    /// <inheritdoc/>
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
        _maps?.Dispose();
        _best?.Dispose();
        _start?.Dispose();
        _batch.Dispose();
    }

    private void MeasureInputs(CancellationToken cancellationToken)
    {
        var energies = _clock.Measure(Stage.EnergyGradient, () => _batch.Energies(_batch.Images, cancellationToken));
        for (var i = 0; i < _states.Length; i++)
            _states[i].SetInputEnergy(energies[i][0]);
    }

    /// <summary>Without steps the start is the result: its maps are made once, and the energies are those of the image they lead
    /// to.</summary>
    private void TakeStart(CancellationToken cancellationToken)
    {
        _maps = _clock.Measure(Stage.Diagnostics, () => StartMaps(cancellationToken));
        var energies = _clock.Measure(Stage.EnergyGradient, () => _batch.Energies(_maps.Canonical, cancellationToken));
        for (var i = 0; i < _states.Length; i++)
        {
            var iterate = IterateEnergy.Of(energies[i], 0, _maps.Orientation(i), _options);
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
        var timeIsUp = _clock.Elapsed >= _options.TimeBudget;
        var improved = new bool[rows.Count];
        for (var row = 0; row < rows.Count; row++)
        {
            if (rows.ImageOf(row) is not (>= 0 and var image))
                continue;
            var numbers = table[row];
            var iterate = IterateEnergy.Of(numbers.AsSpan()[..^2], numbers[^2], numbers[^1], _options);
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

    private void Report(IProgress<CanonicalisationProgress>? progress, int step) => progress?.Report(new CanonicalisationProgress(
        step, _options.Steps, _states.Length, _states.Count(state => state.Stop is null), [.. _states.Select(state => state.BestTotal)],
        _clock.Elapsed));
}
