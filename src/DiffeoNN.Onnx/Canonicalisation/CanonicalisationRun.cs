using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>One search over a batch: who is in it, and where it is. The chain of one step and the result are in the other parts.</summary>
/// <remarks>Rows are positions in the batch as it is now; images are positions in the batch as it was given.</remarks>
internal sealed partial class CanonicalisationRun : ISearchRun
{
    private readonly SearchSpec _options;
    private readonly Func<bool>? _isTimeUp;
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
    private readonly EnergyReading _reading;
    private int[] _imageOfRow;
    private torch.Tensor _images;
    private torch.Tensor? _starts;
    private Iterate? _iterate;
    private torch.Tensor? _gradient;
    private int _step;
    private bool _ends;

    /// <summary>Sets up the batch, which is copied unless it is contiguous; its memory is not written to.</summary>
    public CanonicalisationRun(
        IEnergy energy, SearchSpec options, torch.Tensor images, torch.Tensor? start, Func<bool>? isTimeUp = null)
    {
        (Energy, _options, _acceptance, _isTimeUp) = (energy, options, new Acceptance(options), isTimeUp);
        _reading = new EnergyReading(energy.TermNames, options);
        _grid = SamplingGrid.Of(images);
        var count = (int)images.size(0);
        var (height, width) = LatticeSize(options, _grid);
        _states = [.. Enumerable.Range(0, count).Select(_ => new ImageState(options))];
        _imageOfRow = [.. Enumerable.Range(0, count)];
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        _images = _allImages = images.detach().contiguous().DetachFromDisposeScope();
        _starts = _allStarts =
            start is null ? null : LatticeUpsampling.Resample(start.detach(), _grid).DetachFromDisposeScope();
        NeedsInputs = start is not null;
        _upsampling = (height, width) == (_grid.Height, _grid.Width)
            ? null
            : new LatticeUpsampling(height, width, _grid, options.Basis, images.dtype, images.device);
        _bestLattices = torch.zeros(count, 2, height, width, device: images.device).DetachFromDisposeScope();
        _field = options.Field switch
        {
            FieldKind.Siren => new Siren(count, height, width, _grid, options.Seed, images.device),
            _ => new ControlLattice(count, height, width, images.device),
        };
        _adam = new Adam(_field.Parameters, options.LearningRate);
        _workers = new RowWorkers(images.device, count);
    }

    /// <summary>What is minimised.</summary>
    public IEnergy Energy { get; }

    /// <summary>Whether the energies of the images as they are have still to be measured: a search from elsewhere than the identity never
    /// sees them.</summary>
    public bool NeedsInputs { get; private set; }

    /// <summary>The images as they are, (N, C, H, W).</summary>
    public torch.Tensor Inputs => _allImages;

    /// <summary>Whether another update may follow the iterate.</summary>
    public bool WantsGradient => _step < _options.Steps;

    /// <summary>The images of the iterate that still go on, part by part; new tensors of the caller's scope.</summary>
    public torch.Tensor[] Iterates => [.. _iterate!.Parts.Select(part => part.Image.detach())];

    /// <inheritdoc/>
    public bool IsDone => _states.All(state => state.Stop is not null);

    /// <inheritdoc/>
    public IEnumerable<StopReason> Stops => _states.Select(state => state.Stop).OfType<StopReason>();

    /// <inheritdoc/>
    public CanonicalisationProgress Progress => new(
        _step, _options.Steps, _states.Length, Active, [.. _states.Select(state => state.BestTotal)], _clock.Elapsed);

    private int Active => _states.Count(state => state.Stop is null);

    /// <summary>Takes in the energies of the images as they are.</summary>
    public void TakeInputs(EnergyEvaluation evaluation)
    {
        var numbers = Numbers(evaluation.Energy.view(-1, 1), evaluation.Terms);
        for (var i = 0; i < _states.Length; i++)
            _states[i].SetInputEnergy(_reading.Energy(numbers[i]));
        NeedsInputs = false;
    }

    /// <summary>Takes the update that the last iterate asked for, if there is one, and computes the next iterate.</summary>
    public void Advance()
    {
        if (_gradient is not null)
        {
            using (torch.NewDisposeScope())
                Update(_iterate!, _gradient);
            ReleaseIterate();
            _step++;
            // The step costs about as much an image as copying an image's parameters a hundred times, so even one of eight is worth it.
            if (_imageOfRow.Length - Active >= Math.Max(1, _imageOfRow.Length / 8))
                Compact();
        }

        // It is there already if a former evaluation was cancelled.
        if (_iterate is not null)
            return;
        using var scope = torch.NewDisposeScope();
        _iterate = Forward();
        _iterate.Keep();
    }

    /// <summary>Takes in the energies of the iterate and, if one is wanted, their gradient.</summary>
    /// <param name="evaluation">Of <see cref="Iterates"/>; stays the caller's.</param>
    public void Judge(EnergyEvaluation evaluation)
    {
        Judge(_step, _iterate!, evaluation);
        if (IsDone)
            ReleaseIterate();
        else
            _gradient = evaluation.Gradient!.alias().DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void End()
    {
        _ends = true;
        foreach (var state in _states)
            state.EndIfBegun();
        if (IsDone)
            ReleaseIterate();
    }

    /// <summary>Adds time to a stage.</summary>
    public void Account(Stage stage, long ticks) => _clock.Add(stage, ticks);

    /// <inheritdoc/>
    public void Dispose()
    {
        ReleaseIterate();
        ReleaseRows();
        _allImages.Dispose();
        _allStarts?.Dispose();
        _bestLattices.Dispose();
        _upsampling?.Dispose();
        _field.Dispose();
        _adam.Dispose();
        _workers.Dispose();
    }

    private void ReleaseRows()
    {
        // Later selections are dropped, the whole batch is needed to the end.
        if (!ReferenceEquals(_images, _allImages))
        {
            _images.Dispose();
            _starts?.Dispose();
        }
    }

    private void ReleaseIterate()
    {
        _iterate?.Dispose();
        _gradient?.Dispose();
        (_iterate, _gradient) = (null, null);
    }

    private void Judge(int step, Iterate iterate, EnergyEvaluation evaluation)
    {
        var energies = Energies(iterate, evaluation);
        var timeIsUp = _ends || _clock.Elapsed >= _options.TimeBudget || _isTimeUp?.Invoke() == true;
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
