using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training;

/// <summary>Joins networks and loss terms into one graph: what one part of a training step minimises.</summary>
/// <remarks>Values are names in the graph. Networks may be trained, frozen (they learn elsewhere: their weights as they stand) or constant;
/// a gradient flows through all of them. <see cref="Losses"/> writes the usual terms.</remarks>
public sealed partial class ObjectiveBuilder
{
    private readonly GraphWriter _writer;
    private readonly List<(TrainableNetwork Network, bool IsFrozen)> _networks = [];
    private readonly List<(string Name, string Value, double Weight)> _terms = [];
    private readonly List<string> _data = [];
    private readonly List<(string Output, string Expected)> _checks = [];
    private int _copies;

    /// <summary>An empty graph.</summary>
    /// <param name="name">What messages call the objective.</param>
    /// <param name="opset">Version of the operator set, at least 18 and that of every network that is added.</param>
    public ObjectiveBuilder(string name, int opset = GraphWriter.LeastOpset)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        _writer = new GraphWriter(name, opset);
    }

    /// <summary>What messages call the objective.</summary>
    public string Name => _writer.Graph.Name;

    /// <summary>Version of the operator set.</summary>
    public int Opset => _writer.Model.Opset;

    internal GraphWriter Writer => _writer;

    /// <summary>Declares data that every batch brings.</summary>
    /// <param name="name">Its name in batches.</param>
    /// <param name="type">Element type of its tensors.</param>
    /// <param name="shape">Its sizes; symbols for free ones, equal symbols for equal sizes.</param>
    /// <returns>The value.</returns>
    public string Input(string name, OnnxElementType type, params OnnxDimension[] shape)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (_writer.Graph.Inputs.Exists(input => input.Name == name))
            throw new TrainingException($"Objective '{Name}' has an input '{name}' already; choose another name.");
        _data.Add(name);
        return _writer.Input(name, type, shape);
    }

    /// <summary>Declares float32 data that every batch brings.</summary>
    /// <param name="name">Its name in batches.</param>
    /// <param name="shape">Its sizes; symbols for free ones.</param>
    /// <returns>The value.</returns>
    public string Input(string name, params OnnxDimension[] shape) => Input(name, OnnxElementType.Float, shape);

    /// <summary>Adds a network that is trained; added twice, both copies share their weights.</summary>
    /// <param name="network">The network.</param>
    /// <param name="inputs">For each of its inputs, the value that it takes.</param>
    /// <returns>Its outputs' values by name.</returns>
    /// <exception cref="TrainingException">An input is missing, or the network is newer than <see cref="Opset"/>.</exception>
    public IReadOnlyDictionary<string, string> Add(TrainableNetwork network, IReadOnlyDictionary<string, string> inputs) =>
        Add(network, inputs, isFrozen: false);

    /// <summary>Adds a network whose weights are read as they stand and get no gradient: one that is trained elsewhere.</summary>
    /// <param name="network">The network.</param>
    /// <param name="inputs">For each of its inputs, the value that it takes.</param>
    /// <returns>Its outputs' values by name.</returns>
    /// <exception cref="TrainingException">An input is missing, or the network is newer than <see cref="Opset"/>.</exception>
    public IReadOnlyDictionary<string, string> AddFrozen(TrainableNetwork network, IReadOnlyDictionary<string, string> inputs) =>
        Add(network, inputs, isFrozen: true);

    /// <summary>Adds a network that never changes, and is the fastest therefore.</summary>
    /// <param name="model">The network; it is not changed.</param>
    /// <param name="inputs">For each of its inputs, the value that it takes.</param>
    /// <returns>Its outputs' values by name.</returns>
    /// <exception cref="TrainingException">An input is missing, or the network is newer than <see cref="Opset"/>.</exception>
    public IReadOnlyDictionary<string, string> AddConstant(OnnxModel model, IReadOnlyDictionary<string, string> inputs)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputs);
        CheckOpset(model.Graph.Name, model.Opset);
        return Append(OpsetConverter.Convert(model.Copy(), Opset).Graph, model.Graph.Name, inputs);
    }

    /// <summary>Adds a trained network together with the gradient of the sum of one of its outputs with respect to one of its inputs, as
    /// values that can be differentiated once more: gradient penalties, guidance.</summary>
    /// <param name="network">The network.</param>
    /// <param name="output">The output that is differentiated.</param>
    /// <param name="input">The input that it is differentiated by.</param>
    /// <param name="inputs">For each of its inputs, the value that it takes.</param>
    /// <returns>Its outputs' values by name, and INPUT_grad.</returns>
    /// <exception cref="UnsupportedOperatorException">An operator has no gradient.</exception>
    /// <exception cref="TrainingException">An input is missing, or the network is newer than <see cref="Opset"/>.</exception>
    public IReadOnlyDictionary<string, string> AddWithGradient(
        TrainableNetwork network, string output, string input, IReadOnlyDictionary<string, string> inputs)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(inputs);
        Use(network, isFrozen: false);
        var free = network.Free(Opset);
        var options = new GradientOptions { Inputs = [input], Outputs = [output], Seed = GradientSeed.Ones };
        return Append(GradientCompiler.Compile(free, options).Graph, network.Name, WithWeights(network, inputs));
    }

    /// <summary>Adds a term to the loss.</summary>
    /// <param name="name">Its name in reports.</param>
    /// <param name="value">One number.</param>
    /// <param name="weight">Its weight in the sum; 0 to report it only.</param>
    public void Term(string name, string value, double weight = 1)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (_terms.Exists(term => term.Name == name))
            throw new TrainingException($"Objective '{Name}' has a term '{name}' already; choose another name.");
        if (!double.IsFinite(weight))
            throw new TrainingException($"Term '{name}' of objective '{Name}' has weight {weight}; expected a finite number.");
        _terms.Add((name, value, weight));
    }

    /// <summary>Lets a batch be refused whose whole numbers are others than expected.</summary>
    /// <param name="isWrong">Where they are; bool.</param>
    /// <param name="numbers">The numbers, int64, of the same shape.</param>
    /// <param name="limit">What messages call the number of classes, (1).</param>
    /// <param name="expected">What was expected, for the message.</param>
    internal void Refuse(string isWrong, string numbers, string limit, string expected)
    {
        var wrong = _writer.Op("Where", [isWrong, numbers, _writer.Ints(0)]);
        string Single(string value) => _writer.Reshape(_writer.Op("Cast", [value], OnnxAttribute.Of("to", (long)OnnxElementType.Float)), 1);
        string All(string opType, string value) => Single(_writer.Op(opType, [value], OnnxAttribute.Of("keepdims", 0L)));
        var count = All("ReduceSum", _writer.Op("Cast", [isWrong], OnnxAttribute.Of("to", (long)OnnxElementType.Int64)));
        var output = $"{Objective.CheckPrefix}{_checks.Count}";
        var told = _writer.Op(
            "Concat", [count, All("ReduceMin", wrong), All("ReduceMax", wrong), Single(limit)], OnnxAttribute.Of("axis", 0L));
        _writer.Output(output, told);
        _checks.Add((output, expected));
    }

    /// <summary>Derives the gradient and loads both into ONNX Runtime.</summary>
    /// <param name="engine">What runs it.</param>
    /// <returns>The caller disposes it, before the networks.</returns>
    /// <exception cref="TrainingException">There is no term, or none depends on a weight that is trained.</exception>
    /// <exception cref="UnsupportedOperatorException">An operator between loss and weights has no gradient; all are named.</exception>
    /// <exception cref="GraphException">ONNX Runtime lacks an operator.</exception>
    public Objective Build(OnnxRuntimeEngine engine)
    {
        ArgumentNullException.ThrowIfNull(engine);
        if (!_terms.Exists(term => term.Weight != 0))
            throw new TrainingException($"Objective '{Name}' has no term with a weight; add one by {nameof(Term)}.");
        var model = _writer.Model.Copy();
        var writer = new GraphWriter($"{Name}/loss", Opset);
        string? sum = null;
        foreach (var (name, value, weight) in _terms)
        {
            var term = writer.Reshape(value);
            writer.Output(Objective.TermPrefix + name, term);
            if (weight != 0)
                sum = sum is null ? writer.Mul(term, weight) : writer.Add(sum, writer.Mul(term, weight));
        }

        writer.Output(Objective.Loss, sum!);
        model.Graph.Nodes.AddRange(writer.Graph.Nodes);
        foreach (var constant in writer.Graph.Initializers.Values)
            model.Graph.AddInitializer(constant);
        model.Graph.Outputs.AddRange(writer.Graph.Outputs);
        return new Objective(engine, model, [.. _terms.Select(t => t.Name)], _data, _networks, _checks);
    }

    /// <summary>A weight's name in the graph.</summary>
    internal static string WeightName(TrainableNetwork network, string weight) => $"{network.Name}//{weight}";

    private IReadOnlyDictionary<string, string> Add(
        TrainableNetwork network, IReadOnlyDictionary<string, string> inputs, bool isFrozen)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(inputs);
        Use(network, isFrozen);
        return Append(network.Free(Opset).Graph, network.Name, WithWeights(network, inputs));
    }

    private void Use(TrainableNetwork network, bool isFrozen)
    {
        ObjectDisposedException.ThrowIf(network.IsDisposed, network);
        CheckOpset(network.Name, network.Opset);
        var same = _networks.Find(n => n.Network.Name == network.Name);
        if (same.Network is null)
        {
            _networks.Add((network, isFrozen));
            for (var i = 0; i < network.Weights.Count; i++)
                _writer.Graph.Inputs.Add(network.Declared(WeightName(network, network.Weights[i]), i));
        }
        else if (same.Network != network)
        {
            throw new TrainingException(
                $"Objective '{Name}' has another network '{network.Name}' already; give one of them another name.");
        }
        else if (same.IsFrozen != isFrozen)
        {
            throw new TrainingException($"Objective '{Name}' has network '{network.Name}' both trained and frozen; use two objectives.");
        }
    }

    private void CheckOpset(string network, int opset)
    {
        if (opset > Opset)
            throw new TrainingException(
                $"Network '{network}' uses operator set {opset}, objective '{Name}' has {Opset}; make the builder with opset: {opset}.");
    }

    private static Dictionary<string, string> WithWeights(TrainableNetwork network, IReadOnlyDictionary<string, string> inputs)
    {
        var all = new Dictionary<string, string>(inputs, StringComparer.Ordinal);
        foreach (var weight in network.Weights)
            all[weight] = WeightName(network, weight);
        return all;
    }

    private IReadOnlyDictionary<string, string> Append(OnnxGraph graph, string network, IReadOnlyDictionary<string, string> inputs)
    {
        var missing = graph.RequiredInputs.Where(i => !inputs.ContainsKey(i.Name)).ToList();
        if (missing.Count > 0)
            throw new TrainingException($"Network '{network}' needs a value for its inputs {string.Join(", ", missing)}{Unknown()}.");
        return _writer.Graph.Append(graph, $"{network}#{_copies++}/", inputs);

        // What is misspelt is both missing and unknown.
        string Unknown()
        {
            var known = graph.Inputs.Select(input => input.Name).Concat(graph.Initializers.Keys).ToHashSet(StringComparer.Ordinal);
            string[] others = [.. inputs.Keys.Where(name => !known.Contains(name)).Order(StringComparer.Ordinal)];
            return others.Length == 0 ? "" : $"; given, and not known to it: {string.Join(", ", others.Select(name => $"'{name}'"))}";
        }
    }
}
