using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Training;

/// <summary>A loss with its gradient with respect to the weights that are trained, ready to run.</summary>
/// <remarks>Weights are read and gradients written where TorchSharp's tensors lie; nothing is copied on the CPU.
/// Not for several threads at once.</remarks>
public sealed class Objective : IDisposable
{
    internal const string Loss = "loss";
    internal const string TermPrefix = "term/";
    internal const string CheckPrefix = "check/";

    /// <summary>Numbers of a check: how many are wrong, the least and the most of them, the number of classes.</summary>
    private const int CheckLength = 4;

    private readonly OnnxRuntimeEngine _engine;
    private readonly OnnxModel _model;
    private readonly InferenceSession _session;
    private readonly GraphInputs _check;
    private readonly IReadOnlyList<string> _terms;
    private readonly IReadOnlyList<string> _data;
    private readonly IReadOnlyList<(string Output, string Expected)> _checks;
    private readonly Dictionary<TrainableNetwork, int[]> _reached;
    private readonly List<OrtValue> _values = [];
    private readonly Dictionary<object, OrtIoBinding> _bindings = [];
    private readonly FlatMemory _results;
    private InferenceSession? _forward;
    private bool _disposed;

    internal Objective(
        OnnxRuntimeEngine engine, OnnxModel model, IReadOnlyList<string> terms, IReadOnlyList<string> data,
        IReadOnlyList<(TrainableNetwork Network, bool IsFrozen)> networks, IReadOnlyList<(string Output, string Expected)> checks)
    {
        (_engine, _model, _terms, _data, _checks) = (engine, model, terms, data, checks);
        Networks = [.. networks.Where(n => !n.IsFrozen).Select(n => n.Network)];
        AllNetworks = [.. networks.Select(n => n.Network)];
        // What no term reads would have to be given nevertheless.
        DeadCode.Remove(model.Graph);
        var read = model.Graph.Nodes.SelectMany(OnnxGraph.Reads).ToHashSet(StringComparer.Ordinal);
        model.Graph.Inputs.RemoveAll(input => !read.Contains(input.Name) && !data.Contains(input.Name));
        var leading = Leading(model.Graph);
        string[] names = [.. Networks.SelectMany(n => n.Weights.Select(w => ObjectiveBuilder.WeightName(n, w))).Where(leading.Contains)];
        if (names.Length == 0)
            throw new TrainingException($"The loss of objective '{Name}' depends on no weight that is trained.");
        var gradient = GradientCompiler.Compile(model, new GradientOptions
        {
            Inputs = names, Outputs = [Loss], Seed = GradientSeed.Ones, Target = Target(engine), LeavesOutUnreached = true,
            Operators = ManagedOperators.AreFor(engine) ? ManagedOperators.Set : OperatorSet.Default,
        });
        var reached = gradient.Graph.Outputs.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        _reached = Networks.ToDictionary(n => n, n => Enumerable.Range(0, n.Weights.Count)
            .Where(i => reached.Contains(GradientName(n, i))).ToArray());
        _session = engine.OpenSession(gradient, Name, options => Configure(options, gradient));
        _check = new GraphInputs(Name, [.. gradient.Graph.Inputs.Where(i => data.Contains(i.Name)).Select(Describe)]);
        _results = new FlatMemory(
            [.. Enumerable.Repeat(Array.Empty<long>(), terms.Count + 1), .. checks.Select(_ => new long[] { CheckLength })]);
    }

    /// <summary>What messages call it.</summary>
    public string Name => _model.Graph.Name;

    /// <summary>Networks that get a gradient.</summary>
    public IReadOnlyList<TrainableNetwork> Networks { get; }

    /// <summary>Names of its terms.</summary>
    public IReadOnlyList<string> Terms => _terms;

    private IReadOnlyList<TrainableNetwork> AllNetworks { get; }

    /// <summary>The loss on a batch, without gradient: for validation.</summary>
    /// <param name="data">A tensor for each input, contiguous, on the CPU; left untouched.</param>
    /// <param name="cancellationToken">Stops this run.</param>
    /// <exception cref="GraphException">Data is missing, or of another type or shape.</exception>
    /// <exception cref="TrainingException">Labels are none of the classes.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public ObjectiveValue Evaluate(IReadOnlyDictionary<string, torch.Tensor> data, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ObjectDisposedException.ThrowIf(_disposed, this);
        _forward ??= _engine.OpenSession(_model, Name, options => Configure(options, _model));
        return Run(_forward, Binding(_forward, _forward, null), data, cancellationToken);
    }

    /// <summary>Writes the gradient into memory of the networks' shapes.</summary>
    /// <returns>The loss.</returns>
    internal ObjectiveValue Run(
        IReadOnlyDictionary<string, torch.Tensor> data, IReadOnlyDictionary<TrainableNetwork, FlatMemory> gradients,
        CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return Run(_session, Binding(_session, gradients, gradients), data, cancellationToken);
    }

    /// <summary>Whether every weight of its networks gets a gradient, so that all of the memory is written.</summary>
    internal bool ReachesAll(TrainableNetwork network) =>
        _reached.TryGetValue(network, out var places) && places.Length == network.Weights.Count;

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        foreach (var binding in _bindings.Values)
            binding.Dispose();
        foreach (var value in _values)
            value.Dispose();
        _bindings.Clear();
        _values.Clear();
        _session.Dispose();
        _forward?.Dispose();
        _results.Dispose();
    }

    /// <summary>Our operators, and no plan of memory as one block: what a backward pass holds would come on top of what the first run took
    /// piece by piece (a step of the lungs' proposer took 1,073 MB with it and 724 MB without, and no less time).</summary>
    private static void Configure(SessionOptions options, OnnxModel model)
    {
        options.EnableMemoryPattern = false;
        ManagedOperators.AddTo(options, model);
    }

    private static GradientTarget Target(OnnxRuntimeEngine engine) =>
        engine.Device.Device == ExecutionDevice.Cuda ? GradientTarget.Gpu : GradientTarget.Cpu;

    private static string GradientName(TrainableNetwork network, int place) =>
        $"{ObjectiveBuilder.WeightName(network, network.Weights[place])}_grad";

    /// <summary>Names of all that the loss is computed from.</summary>
    private static HashSet<string> Leading(OnnxGraph graph)
    {
        var leading = new HashSet<string>(StringComparer.Ordinal) { Loss };
        for (var i = graph.Nodes.Count - 1; i >= 0; i--)
        {
            if (graph.Nodes[i].Outputs.Any(leading.Contains))
                leading.UnionWith(OnnxGraph.Reads(graph.Nodes[i]));
        }

        return leading;
    }

    private static GraphTensor Describe(OnnxValueInfo input) => new(
        input.Name, ElementTypes.ToTorch((TensorElementType)(int)input.ElementType)
            ?? throw new TrainingException($"Input '{input.Name}' holds {input.ElementType}, which libtorch lacks."),
        [.. (input.Shape ?? []).Select(d => d.Size)], [.. (input.Shape ?? []).Select(d => d.Symbol)]);

    private OrtIoBinding Binding(InferenceSession session, object key, IReadOnlyDictionary<TrainableNetwork, FlatMemory>? gradients)
    {
        foreach (var network in AllNetworks)
            ObjectDisposedException.ThrowIf(network.IsDisposed, network);
        if (_bindings.TryGetValue(key, out var known))
            return known;
        var binding = session.CreateIoBinding();
        var inputs = session.InputNames.ToHashSet(StringComparer.Ordinal);
        foreach (var network in AllNetworks)
        {
            for (var i = 0; i < network.Weights.Count; i++)
            {
                if (ObjectiveBuilder.WeightName(network, network.Weights[i]) is var name && inputs.Contains(name))
                    binding.BindInput(name, Kept(network.Memory.Views[i]));
            }
        }

        binding.BindOutput(Loss, Kept(_results.Views[0]));
        for (var i = 0; i < _terms.Count; i++)
            binding.BindOutput(TermPrefix + _terms[i], Kept(_results.Views[i + 1]));
        for (var i = 0; i < _checks.Count; i++)
            binding.BindOutput(_checks[i].Output, Kept(_results.Views[1 + _terms.Count + i]));
        foreach (var (network, memory) in gradients ?? new Dictionary<TrainableNetwork, FlatMemory>())
        {
            foreach (var i in _reached.GetValueOrDefault(network, []))
                binding.BindOutput(GradientName(network, i), Kept(memory.Views[i]));
        }

        return _bindings[key] = binding;
    }

    private OrtValue Kept(torch.Tensor tensor)
    {
        var value = OrtMemory.Share(tensor);
        _values.Add(value);
        return value;
    }

    private ObjectiveValue Run(
        InferenceSession session, OrtIoBinding binding, IReadOnlyDictionary<string, torch.Tensor> data, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _check.Bind(data, _engine.Device);
        var values = new List<OrtValue>();
        try
        {
            foreach (var name in _data)
            {
                values.Add(OrtMemory.Share(data[name]));
                binding.BindInput(name, values[^1]);
            }

            using var options = new RunOptions { LogSeverityLevel = OrtEnvironment.LogLevel };
            using var registration = cancellationToken.Register(static state => ((RunOptions)state!).Terminate = true, options);
            session.RunWithBinding(options, binding);
            binding.SynchronizeBoundOutputs();
            GC.KeepAlive(data);
        }
        catch (OnnxRuntimeException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OnnxRuntimeException e)
        {
            throw new GraphException($"Objective '{Name}' failed: {OnnxRuntimeEngine.OneLine(e)}.", e);
        }
        finally
        {
            values.ForEach(value => value.Dispose());
        }

        Check();
        return new ObjectiveValue(Number(0), _terms.Select((term, i) => (term, i))
            .ToDictionary(t => t.term, t => (double)Number(t.i + 1), StringComparer.Ordinal));
    }

    /// <summary>Refuses data that the graph found to be none that it is made for.</summary>
    private void Check()
    {
        for (var i = 0; i < _checks.Count; i++)
        {
            var told = _results.Views[1 + _terms.Count + i].data<float>().ToArray();
            if (told[0] == 0) continue;
            throw new TrainingException(
                $"Objective '{Name}': {told[0]} of a batch's labels are no classes, such as {(told[1] < 0 ? told[1] : told[2])}, where "
                + $"there are {told[3]} classes; expected {_checks[i].Expected}. Correct the labels; places without a class are left out "
                + $"with the label that {nameof(Losses.CrossEntropy)} is told to ignore.");
        }
    }

    private float Number(int place) => _results.Views[place].item<float>();
}
