using System.Diagnostics;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;

namespace DiffeoNN.Onnx.Training;

/// <summary>Trains networks: gradients by ONNX Runtime, steps by Adam or AdamW.</summary>
/// <remarks>
/// The same data, options and number of cores give the same bits. Networks stay the caller's; the trainer owns gradients, moments and
/// averages. A trainer of one network may take turns with one of another (a critic, say). Not for several threads at once.
/// </remarks>
public sealed class Trainer : IDisposable
{
    private readonly Dictionary<TrainableNetwork, AdamState> _states;
    private readonly Dictionary<TrainableNetwork, FlatMemory> _gradients;
    private Dictionary<TrainableNetwork, FlatMemory>? _more;
    private bool _disposed;

    /// <summary>A trainer of networks that are changed together.</summary>
    /// <param name="networks">At least one, with different names.</param>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="TrainingException">Names meet, or an option makes no sense.</exception>
    public Trainer(IReadOnlyList<TrainableNetwork> networks, TrainerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(networks);
        Options = options ?? new TrainerOptions();
        Options.Check();
        if (networks.Count == 0)
            throw new TrainingException("A trainer needs a network.");
        if (networks.Select(n => n.Name).Distinct(StringComparer.Ordinal).Count() < networks.Count)
            throw new TrainingException(
                $"Networks {string.Join(", ", networks.Select(n => $"'{n.Name}'"))} meet in one trainer; give each a name of its own.");
        Networks = [.. networks];
        _states = networks.ToDictionary(n => n, n => new AdamState(n, Options.AverageDecay > 0));
        _gradients = _states.ToDictionary(s => s.Key, s => s.Value.Gradient);
    }

    /// <summary>A trainer of one network.</summary>
    /// <param name="network">The network.</param>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="TrainingException">An option makes no sense.</exception>
    public Trainer(TrainableNetwork network, TrainerOptions? options = null) : this([network], options)
    {
    }

    /// <summary>The networks.</summary>
    public IReadOnlyList<TrainableNetwork> Networks { get; }

    /// <summary>As given.</summary>
    public TrainerOptions Options { get; }

    /// <summary>Steps taken.</summary>
    public int Steps { get; private set; }

    /// <summary>Takes steps until there are as many as wanted; those of a checkpoint count.</summary>
    /// <param name="data">Where batches come from.</param>
    /// <param name="steps">Steps in all.</param>
    /// <param name="checkpoint">When to write down what is needed to go on; null for never.</param>
    /// <param name="progress">Is told of every step, on this thread.</param>
    /// <param name="cancellationToken">Stops between steps, and a step that runs; weights are then those of the last whole step.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled; a checkpoint is written first.</exception>
    /// <exception cref="TrainingException">The loss is no number, or data and trainer do not fit.</exception>
    public void Run(
        ITrainingData data, int steps, CheckpointOptions? checkpoint = null, IProgress<StepReport>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (checkpoint is { Every: < 1 })
            throw new TrainingException($"A checkpoint every {checkpoint.Every} steps; expected 1 or more.");
        try
        {
            while (Steps < steps)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using (torch.NewDisposeScope())
                {
                    var report = Step(data.Next(Steps, SplitMix64.ForItem(Options.Seed, Steps)), cancellationToken);
                    progress?.Report(report);
                }

                if (checkpoint is not null && (Steps % checkpoint.Every == 0 || Steps == steps))
                    Save(checkpoint.Path);
            }
        }
        catch (OperationCanceledException) when (checkpoint is not null)
        {
            Save(checkpoint.Path);
            throw;
        }
    }

    /// <summary>One step: the sum of its parts' gradients, its norm limited, and Adam's change of the weights.</summary>
    /// <param name="parts">At least one; tensors stay the caller's.</param>
    /// <param name="cancellationToken">Stops the step before it changes anything.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="TrainingException">The loss or gradient is no number, or an objective trains another network.</exception>
    /// <exception cref="Execution.GraphException">Data does not fit an objective.</exception>
    public StepReport Step(IReadOnlyList<TrainingBatch> parts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (parts.Count == 0)
            throw new TrainingException($"Step {Steps + 1} has no data; expected at least one part.");
        if (parts.FirstOrDefault(part => !float.IsFinite((float)part.Weight)) is { } odd)
            throw new TrainingException(
                $"Step {Steps + 1}: a part has the weight {odd.Weight}; expected a finite number of single precision.");
        var start = Stopwatch.GetTimestamp();
        var values = new List<ObjectiveValue>();
        foreach (var part in parts)
            values.Add(Accumulate(part, isFirst: values.Count == 0, cancellationToken));
        var loss = parts.Zip(values, (part, value) => part.Weight * value.Loss).Sum();
        var norm = Math.Sqrt(_states.Values.Sum(state => state.SquaredNorm()));
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
            throw new TrainingException(
                $"Step {Steps + 1}: the loss is {loss}, its gradient's norm {norm} ({Describe(parts, values)}). The weights are those "
                + $"before the step. Lower the learning rate ({Options.LearningRate}), limit the gradient's norm, or look at the data.");
        var scale = Options.GradientNorm > 0 && norm > Options.GradientNorm ? (float)(Options.GradientNorm / (norm + 1e-6)) : 1f;
        var rate = Options.LearningRate * Options.Schedule.Factor(Steps);
        Steps++;
        foreach (var state in _states.Values)
            state.Step(Options, rate, Steps, scale);
        return new StepReport(Steps, loss, Terms(parts, values), norm, rate, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>A network as trained so far.</summary>
    /// <param name="network">One of <see cref="Networks"/>.</param>
    /// <param name="averaged">Whether its weights are their moving averages.</param>
    /// <returns>The model that the network was made from, with these weights.</returns>
    /// <exception cref="TrainingException">It is another's network, or no average is kept.</exception>
    public OnnxModel ToModel(TrainableNetwork network, bool averaged = false)
    {
        ArgumentNullException.ThrowIfNull(network);
        var state = StateOf(network);
        return !averaged ? network.ToModel() : network.With(state.Average ?? throw new TrainingException(
            $"No averages are kept; set {nameof(TrainerOptions.AverageDecay)} above 0."));
    }

    /// <summary>Writes down weights, moments, averages and steps.</summary>
    /// <param name="path">The file; replaced as a whole.</param>
    /// <exception cref="Files.OutputException">It cannot be written.</exception>
    public void Save(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Checkpoint.Save(path, Steps, Options.Seed, [.. _states.Select(s => (s.Key, s.Value))]);
    }

    /// <summary>Goes on where a checkpoint stands: the next steps give the same bits as if there had been no interruption.</summary>
    /// <param name="path">What <see cref="Save"/> wrote, with the same networks.</param>
    /// <exception cref="TrainingException">The file is none, is damaged, or of other networks; nothing is changed.</exception>
    public void Restore(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Steps = Checkpoint.Restore(path, Options.Seed, [.. _states.Select(s => (s.Key, s.Value))]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        foreach (var state in _states.Values)
            state.Dispose();
        foreach (var memory in _more?.Values ?? Enumerable.Empty<FlatMemory>())
            memory.Dispose();
    }

    private AdamState StateOf(TrainableNetwork network) => _states.GetValueOrDefault(network) ?? throw new TrainingException(
        $"Network '{network.Name}' is not this trainer's. It trains: {string.Join(", ", Networks.Select(n => $"'{n.Name}'"))}.");

    private ObjectiveValue Accumulate(TrainingBatch part, bool isFirst, CancellationToken cancellationToken)
    {
        foreach (var network in part.Objective.Networks)
            _ = StateOf(network);
        if (isFirst)
        {
            foreach (var (network, memory) in _gradients)
            {
                if (!part.Objective.ReachesAll(network))
                    memory.Clear();
            }

            var first = part.Objective.Run(part.Data, _gradients, cancellationToken);
            if (part.Weight != 1)
            {
                foreach (var state in _states.Values)
                    state.Scale((float)part.Weight);
            }

            return first;
        }

        _more ??= Networks.ToDictionary(n => n, n => new FlatMemory(n.Shapes));
        foreach (var (network, memory) in _more)
        {
            if (!part.Objective.ReachesAll(network))
                memory.Clear();
        }

        var value = part.Objective.Run(part.Data, _more, cancellationToken);
        foreach (var network in part.Objective.Networks)
            _states[network].Accumulate(_more[network], (float)part.Weight);
        return value;
    }

    private static Dictionary<string, double> Terms(IReadOnlyList<TrainingBatch> parts, IReadOnlyList<ObjectiveValue> values)
    {
        var isOne = parts.Select(p => p.Objective).Distinct().Count() == 1;
        return parts.Zip(values, (part, value) =>
                value.Terms.Select(t => (Name: isOne ? t.Key : $"{part.Objective.Name}/{t.Key}", t.Value)))
            .SelectMany(t => t).GroupBy(t => t.Name, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.Average(t => t.Value), StringComparer.Ordinal);
    }

    private static string Describe(IReadOnlyList<TrainingBatch> parts, IReadOnlyList<ObjectiveValue> values) =>
        string.Join(", ", Terms(parts, values).Select(t => $"{t.Key} {t.Value}"));
}
