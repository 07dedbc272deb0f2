using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>One run over a batch: who is in it, and the loop. The chain of one step and the result are in the other parts.</summary>
/// <remarks>Rows are positions in the batch as it is now; images are positions in the batch as it was given.</remarks>
internal sealed partial class CanonicalisationRun : ISearchRun
{
    private readonly IEnergy _energy;
    private readonly SearchSpec _options;
    private readonly StageClock _clock = new();
    private readonly SamplingGrid _grid;
    private readonly torch.Tensor _allImages;
    private readonly torch.Tensor? _allStarts;
    private readonly torch.Tensor _bestLattices;
    private readonly LatticeUpsampling? _upsampling;
    private readonly VelocityParameterisation _field;
    private readonly Adam _adam;
    private readonly RowWorkers _workers;
    private readonly ImageState[] _states;
    private readonly Acceptance _acceptance;
    private int[] _imageOfRow;
    private torch.Tensor _images;
    private torch.Tensor? _starts;

    /// <summary>Sets up the batch; tensors belong to the caller's dispose scope.</summary>
    public CanonicalisationRun(IEnergy energy, SearchSpec options, torch.Tensor images, torch.Tensor? start)
    {
        (_energy, _options, _acceptance) = (energy, options, new Acceptance(options));
        _grid = SamplingGrid.Of(images);
        var count = (int)images.size(0);
        var (height, width) = LatticeSize(options, _grid);
        _states = [.. Enumerable.Range(0, count).Select(_ => new ImageState(options))];
        _imageOfRow = [.. Enumerable.Range(0, count)];
        using var noGradient = torch.no_grad();
        _images = _allImages = images.detach().contiguous();
        _starts = _allStarts = start is null ? null : LatticeUpsampling.Resample(start.detach(), _grid);
        _upsampling = (height, width) == (_grid.Height, _grid.Width)
            ? null
            : new LatticeUpsampling(height, width, _grid, options.Basis, images.dtype, images.device);
        _bestLattices = torch.zeros(count, 2, height, width, device: images.device);
        _field = options.Field switch
        {
            FieldKind.Siren => new Siren(count, height, width, _grid, options.Seed, images.device),
            _ => new ControlLattice(count, height, width, images.device),
        };
        _adam = new Adam(_field.Parameters, options.LearningRate);
        _workers = new RowWorkers(images.device, count);
    }

    /// <inheritdoc/>
    public void Optimise(IProgress<CanonicalisationProgress>? progress, CancellationToken cancellationToken)
    {
        using var gradients = torch.enable_grad();
        MeasureInputs(cancellationToken);
        for (var step = 0; ; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var iterate = Forward();
            using var evaluation = _clock.Measure(
                Stage.EnergyGradient, () => _energy.Evaluate(iterate.Image, step < _options.Steps, cancellationToken));
            Judge(step, iterate, evaluation);
            var active = _states.Count(state => state.Stop is null);
            progress?.Report(new CanonicalisationProgress(
                step, _options.Steps, _states.Length, active, [.. _states.Select(state => state.BestTotal)], _clock.Elapsed));
            if (active == 0)
                return;
            cancellationToken.ThrowIfCancellationRequested();
            Update(iterate, evaluation.Gradient!);
            // The step costs about as much an image as copying an image's parameters a hundred times, so even one of eight is worth it.
            if (_imageOfRow.Length - active >= Math.Max(1, _imageOfRow.Length / 8))
                Compact();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ReleaseRows();
        _upsampling?.Dispose();
        _field.Dispose();
        _adam.Dispose();
        _workers.Dispose();
    }

    // A search from elsewhere than the identity never sees the image as it is.
    private void MeasureInputs(CancellationToken cancellationToken)
    {
        if (_allStarts is null)
            return;
        using var evaluation = _clock.Measure(Stage.EnergyGradient, () => _energy.Evaluate(_allImages, false, cancellationToken));
        var energies = evaluation.Energy.cpu().data<float>().ToArray();
        for (var i = 0; i < _states.Length; i++)
            _states[i].SetInputEnergy(energies[i]);
    }

    private void ReleaseRows()
    {
        // Rows of the whole batch belong to the caller's scope, later selections to this run.
        if (!ReferenceEquals(_images, _allImages))
        {
            _images.Dispose();
            _starts?.Dispose();
        }
    }

    private void Judge(int step, Iterate iterate, EnergyEvaluation evaluation)
    {
        var energies = Energies(iterate, evaluation);
        var timeIsUp = _clock.Elapsed >= _options.TimeBudget;
        List<long> improvedRows = [], improvedImages = [];
        for (var row = 0; row < _imageOfRow.Length; row++)
        {
            var image = _imageOfRow[row];
            if (_states[image].Stop is null && _states[image].Add(step, energies[row], timeIsUp))
            {
                improvedRows.Add(row);
                improvedImages.Add(image);
            }

            if (step == 0 && _acceptance.IsCanonical(_states[image].InputEnergy))
                _states[image].LeaveAlone();
        }

        // At the start all lattices are zero, as the memory of the best ones already is; nothing else may enter it unless it is better.
        if (step == 0 || improvedRows.Count == 0)
            return;
        using var noGradient = torch.no_grad();
        _bestLattices.index_copy_(0, Index(improvedImages), iterate.Lattice.index_select(0, Index(improvedRows)));
    }

    private void Compact()
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        long[] rows = [.. Enumerable.Range(0, _imageOfRow.Length)
            .Where(row => _states[_imageOfRow[row]].Stop is null).Select(row => (long)row)];
        var index = Index(rows);
        var (images, starts) = (_images.index_select(0, index), _starts?.index_select(0, index));
        ReleaseRows();
        (_images, _starts) = (images.DetachFromDisposeScope(), starts?.DetachFromDisposeScope());
        _field.Select(index);
        _adam.Select(index);
        _imageOfRow = [.. rows.Select(row => _imageOfRow[row])];
    }

    private torch.Tensor Index(IReadOnlyList<long> rows) => torch.tensor(rows.ToArray(), device: _allImages.device);

    // A velocity of a million pixels is as good as infinite.
    internal static bool HasNotDiverged(double speed) => speed < 1e6;

    private int SquaringsOf(double speed) => SquaringsOf(speed, _options);

    /// <summary>Squarings of a field whose largest speed in pixels is given; the least number where it diverged.</summary>
    public static int SquaringsOf(double speed, SearchSpec options) =>
        HasNotDiverged(speed) ? ScalingAndSquaring.Squarings(speed, options.Squarings) : options.Squarings;

    /// <summary>Nodes of the lattice.</summary>
    public static (int Height, int Width) LatticeSize(SearchSpec options, SamplingGrid grid)
    {
        var longest = grid.LongestSide;
        if (options.Lattice == 0 || options.Lattice >= longest)
            return (grid.Height, grid.Width);
        int Nodes(int side) => Math.Max(2, (int)Math.Round((options.Lattice - 1) * (side - 1) / (double)(longest - 1)) + 1);
        return (Nodes(grid.Height), Nodes(grid.Width));
    }
}
