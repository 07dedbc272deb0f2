using System.Diagnostics;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Differences;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Validation;

/// <summary>Validates one graph: outputs, then gradients, then the blame for what disagrees.</summary>
internal sealed partial class GraphValidation
{
    private readonly ValidationCase _case;
    private readonly ValidationEngines _engines;
    private readonly ValidationOptions _options;
    private readonly CancellationToken _cancellationToken;
    private readonly CheckInputs _drawn;
    private readonly List<SourceComparison> _comparisons = [];
    private readonly List<DirectionalComparison> _differences = [];
    private readonly List<SkippedSource> _skipped = [];
    private readonly List<string> _notes = [];

    private GraphValidation(ValidationCase @case, ValidationEngines engines, ValidationOptions options, CancellationToken cancellationToken)
    {
        (_case, _engines, _options, _cancellationToken) = (@case, engines, options, cancellationToken);
        _notes.AddRange(@case.Notes);
        _drawn = new CheckInputs(new GradientCheckOptions { Shapes = options.Shapes, Seed = options.Seed }, new Random(options.Seed));
    }

    private OnnxModel Model => _case.Model;

    /// <summary>Validates a graph.</summary>
    /// <exception cref="GraphException">No engine runs it, or it has no outputs or no nodes.</exception>
    public static GraphReport Run(
        ValidationCase @case, ValidationEngines engines, ValidationOptions options, CancellationToken cancellationToken) =>
            new GraphValidation(@case, engines, options, cancellationToken).Run();

    private GraphReport Run()
    {
        var clock = Stopwatch.StartNew();
        if (Model.Graph.Outputs.Count == 0 || Model.Graph.Nodes.Count == 0)
        {
            var lacking = Model.Graph.Outputs.Count == 0 ? "outputs" : "nodes";
            throw new GraphException($"'{_case.Name}' has no {lacking}, so there is nothing to compare.");
        }

        if (_engines.UsesReference && _case.References.Count == 0)
        {
            if (!_case.IsNative)
                Skip(ComparedQuantity.Output, ValidationSources.PyTorch,
                    "no reference tensors; tools/pytorch writes them (python -m diffeonn_tools reference --help)");
        }
        else if (_engines.UsesReference && _case.References.All(set => set.Outputs.Count == 0))
            Skip(ComparedQuantity.Output, ValidationSources.PyTorch,
                $"'{_case.References[0].Folder}' holds inputs but no outputs (output_0.pb)");
        var states = new List<SetState>();
        foreach (var (set, number) in Sets().Select((set, i) => (set, i)))
        {
            var state = new SetState(number, set, CompareOutputs(set, number));
            states.Add(state);
            CompareModules(state);
            if (_options.Gradients) CompareGradients(state);
        }

        return new GraphReport
        {
            Name = _case.Name,
            Nodes = Model.Graph.Nodes.Count,
            Inputs = _case.References.Count > 0 ? _case.References[0].Folder : "drawn",
            Assumptions = [.. _drawn.Assumptions, .. _notes],
            Comparisons = _comparisons,
            Differences = _differences,
            Skipped = _skipped,
            Blames = _options.Blame ? FindBlames(states) : [],
            Seconds = clock.Elapsed.TotalSeconds,
        };
    }

    /// <summary>The reference's sets, or one with drawn inputs.</summary>
    private IEnumerable<ReferenceSet> Sets()
    {
        var none = new Dictionary<string, OnnxTensor>();
        if (_case.References.Count == 0)
        {
            yield return new ReferenceSet("", WithFixed(_drawn.Draw(Model)), none, none, none);
            yield break;
        }

        if (_options.Shapes.Count > 0)
            throw new GraphException(
                $"A shape is given for '{_options.Shapes.Keys.First()}', but the inputs of '{_case.Name}' are the reference tensors in '"
                + $"{_case.References[0].Folder}'; leave the shape out, or validate a copy of the model without them beside it.");
        foreach (var set in _case.References)
        {
            var inputs = WithFixed(set.Inputs);
            if (Model.Graph.RequiredInputs.FirstOrDefault(input => !inputs.ContainsKey(input.Name)) is { } missing)
                throw new TensorDataException($"Reference set '{set.Folder}' has no tensor for the input {missing} of '{_case.Name}'. "
                    + $"There are: {string.Join(", ", set.Inputs.Keys)}.");
            var isUsed = _engines.UsesReference;
            yield return new ReferenceSet(set.Folder, inputs, isUsed ? set.Outputs : none, set.Upstream, isUsed ? set.Gradients : none);
        }
    }

    private Dictionary<string, OnnxTensor> WithFixed(IReadOnlyDictionary<string, OnnxTensor> inputs)
    {
        var all = new Dictionary<string, OnnxTensor>(inputs, StringComparer.Ordinal);
        foreach (var (name, tensor) in _case.FixedInputs) all[name] = tensor;
        return all;
    }

    /// <summary>Runs every engine, compares with the reference where there is one, else with the first engine.</summary>
    /// <returns>The outputs by source.</returns>
    private Dictionary<string, IReadOnlyDictionary<string, OnnxTensor>> CompareOutputs(ReferenceSet set, int number)
    {
        var found = new Dictionary<string, IReadOnlyDictionary<string, OnnxTensor>>();
        var failures = new List<(string Source, GraphException Error)>();
        List<string> names = [.. Model.Graph.Outputs.Select(output => output.Name)];
        foreach (var engine in _engines.Values)
        {
            try
            {
                found[engine.Name] = engine.Run(engine.Name == ValidationSources.OnnxRuntime ? _case.AsWritten ?? Model : Model, _case.Name,
                    set.Inputs, names, _cancellationToken);
            }
            catch (GraphException error)
            {
                failures.Add((engine.Name, error));
            }
        }

        if (found.Count == 0 && _drawn.Assumptions.Count > 0)
            throw new GraphException(
                $"{failures[0].Error.Message} Assumed: {string.Join(", ", _drawn.Assumptions)}; give shapes that suit the model (--shape), "
                + "or its inputs as input_0.pb and on in FOLDER/test_data_set_0 (--reference FOLDER).",
                failures[0].Error);
        if (found.Count == 0) throw failures[0].Error;
        foreach (var (source, error) in failures) Skip(ComparedQuantity.Output, source, error.Message, isFailure: !IsUnsupported(error));
        var baseline = set.Outputs.Count > 0 ? ValidationSources.PyTorch : found.Keys.First();
        if (set.Outputs.Count > 0) found[ValidationSources.PyTorch] = set.Outputs;
        foreach (var (source, outputs) in found.Where(pair => pair.Key != baseline))
        {
            foreach (var (name, expected) in found[baseline])
            {
                if (outputs.TryGetValue(name, out var actual))
                    _comparisons.Add(new(ComparedQuantity.Output, source, baseline,
                        TensorComparison.Of(expected, actual, OutputTolerance(expected, actual))) { Set = number });
            }
        }

        if (found.Count == 1 && number == 0)
            Skip(ComparedQuantity.Output, baseline,
                "nothing to compare its outputs with: no other source ran and there are no reference tensors", isFailure: true);
        return found;
    }

    /// <summary>
    /// Values inside the network beside PyTorch's: a fault may vanish on its way to the output, such as a factor before a normalisation,
    /// and is one all the same.
    /// </summary>
    private void CompareModules(SetState state)
    {
        if (!_engines.UsesReference || state.Set.Folder.Length == 0) return;
        var made = Model.Graph.Nodes.SelectMany(node => node.Outputs).Except(state.Set.Outputs.Keys).ToHashSet(StringComparer.Ordinal);
        var modules = state.Set.Modules().Where(module => module.Value is { } value && made.Contains(value))
            .DistinctBy(module => module.Value).ToList();
        var engine = _engines.Values.First(engine => state.Outputs.ContainsKey(engine.Name));
        if (modules.Count == 0) return;
        var found = engine.Run(Model, _case.Name, state.Set.Inputs, [.. modules.Select(module => module.Value!)], _cancellationToken);
        foreach (var module in modules.Where(module => found.ContainsKey(module.Value!)))
        {
            var (expected, actual) = (module.Output.WithName(module.Value!), found[module.Value!]);
            _comparisons.Add(new(ComparedQuantity.Module, engine.Name, ValidationSources.PyTorch,
                TensorComparison.Of(expected, actual, OutputTolerance(expected, actual))) { Set = state.Number });
        }
    }

    private Tolerance OutputTolerance(OnnxTensor expected, OnnxTensor actual)
    {
        var tolerance = Tolerance.OfOutput(TensorComparison.LessPrecise(expected.ElementType, actual.ElementType));
        return tolerance.Relative > 0 && _options.OutputTolerance is { } own ? tolerance with { Relative = own } : tolerance;
    }

    private void Skip(ComparedQuantity quantity, string source, string reason, bool isFailure = false)
    {
        if (!_skipped.Exists(skipped => skipped.Quantity == quantity && skipped.Source == source))
            _skipped.Add(new(quantity, source, reason, isFailure));
    }

    // An engine that lacks an operator has nothing to say about the graph; one that breaks down has.
    private static bool IsUnsupported(GraphException error) => error.InnerException is NotSupportedException;

    /// <summary>One set of inputs and what the sources made of it.</summary>
    private sealed record SetState(
        int Number, ReferenceSet Set, IReadOnlyDictionary<string, IReadOnlyDictionary<string, OnnxTensor>> Outputs)
    {
        /// <summary>Upstream gradients by output; empty until gradients are compared.</summary>
        public IReadOnlyDictionary<string, OnnxTensor> Upstream { get; set; } = new Dictionary<string, OnnxTensor>();

        /// <summary>Derivatives by source.</summary>
        public Dictionary<string, IReadOnlyDictionary<string, OnnxTensor>> Gradients { get; } = [];
    }
}
