using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Differences;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Validation.Blame;

/// <summary>
/// Where a gradient disagrees: whether ONNX Runtime computes the original model itself wrongly, so that no gradient agrees with it.
/// </summary>
public sealed class RuntimeFault
{
    /// <summary>What two runs on the same inputs may differ by, relative to the largest output.</summary>
    private const double MostBetweenRuns = 1e-5;

    private readonly OnnxModel _model;
    private readonly OnnxModel _inlined;
    private readonly IReadOnlyDictionary<string, OnnxTensor> _values;
    private readonly int _threads;

    private RuntimeFault(OnnxModel model, IReadOnlyDictionary<string, OnnxTensor> values, int threads)
    {
        (_model, _inlined, _values, _threads) = (model, InlinedModel.Of(model), values, threads);
    }

    /// <summary>Looks for the fault: whether the original model gives the same outputs again, and those that libtorch gives,
    /// which is needed for it.</summary>
    /// <param name="model">The original model.</param>
    /// <param name="gradient">What was written for the model.</param>
    /// <param name="result">What <see cref="GradientCheck.Run"/> said of the two.</param>
    /// <param name="options">What that was told; defaults if null.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    /// <returns>How ONNX Runtime computes the original model wrongly, and what to do, in a sentence or more for people; null where the
    /// check passed and where nothing speaks against ONNX Runtime.</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static string? Find(
        OnnxModel model, OnnxModel gradient, GradientCheckResult result, GradientCheckOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(gradient);
        ArgumentNullException.ThrowIfNull(result);
        options ??= new GradientCheckOptions();
        return result.Passed ? null : new RuntimeFault(model, result.Values, options.Threads).Find(
            gradient, result.Upstream, [.. result.Inputs.Select(input => input.Name)], options.Gradient.Suffix, cancellationToken);
    }

    private string? Find(
        OnnxModel gradient, IReadOnlyDictionary<string, OnnxTensor> upstream, IReadOnlyList<string> inputs, string suffix,
        CancellationToken cancellationToken)
    {
        try
        {
            List<string> outputs = [.. upstream.Keys];
            var fault = BetweenRuns(outputs);
            using var libtorch = new Opinion(_threads);
            fault ??= libtorch.Compare(_inlined, _values, outputs, cancellationToken);
            return fault is null ? null : fault + libtorch.OfGradient(_model, gradient, _values, upstream, inputs, suffix);
        }
        catch (Exception error) when (error is GraphException or GradientException or NativeLibraryException or EngineMissingException)
        {
            // Without a second opinion there is none to tell.
            return null;
        }
    }

    /// <summary>Outputs that change from run to run although nothing is random: the runtime writes into the model's own weights.</summary>
    private string? BetweenRuns(IReadOnlyList<string> outputs)
    {
        if (_inlined.Graph.Nodes.Exists(IsRandom)) return null;
        using var graph = new TensorGraph(_model, "model", GraphOptimizationLevel.ORT_DISABLE_ALL, _threads);
        foreach (var (name, value) in _values) graph.Set(name, value);
        var first = graph.Run(outputs);
        for (var run = 2; run <= 4; run++)
        {
            var again = graph.Run(outputs);
            foreach (var name in outputs)
            {
                var (x, y) = (first[name].ToDoubleArray(), again[name].ToDoubleArray());
                var scale = Math.Max(x.Select(Math.Abs).DefaultIfEmpty(0).Max(), 1e-30);
                var error = x.Zip(y, (a, b) => Math.Abs(a - b)).DefaultIfEmpty(0).Max() / scale;
                if (error <= MostBetweenRuns) continue;
                return $"ONNX Runtime itself is wrong: in run {run} on the same inputs output '{name}' of the original model differs by "
                    + $"{ReportText.Number(error)} of the largest{Culprits()}.";
            }
        }

        return null;
    }

    private static bool IsRandom(OnnxNode node) =>
        node.OpType.StartsWith("Random", StringComparison.Ordinal) || node.OpType is "Bernoulli" or "Multinomial" or "Dropout";

    /// <summary>Normalisations whose running statistics the runtime updates in place, in weights that something else reads, too.</summary>
    private string Culprits()
    {
        var graph = _inlined.Graph;
        var readers = graph.Nodes.SelectMany(node => node.Inputs).Where(graph.Initializers.ContainsKey).CountBy(name => name)
            .ToDictionary(StringComparer.Ordinal);
        var found = graph.Nodes.Where(node => node.OpType == "BatchNormalization" && node.GetInt("training_mode", 0) != 0)
            .Select(node => (Node: node, Shared: Shared(node))).Where(pair => pair.Shared.Count > 0).ToList();
        if (found.Count == 0) return "";
        var (first, names) = found[0];
        var more = found.Count > 1 ? $" ({found.Count - 1} more like it)" : "";
        return $", since {first} in training mode writes its running statistics into {string.Join(", ", names)}, "
            + $"which is read elsewhere, too{more}; give its mean and variance weights of their own, or export the model for inference";

        List<string> Shared(OnnxNode node) =>
            [.. node.Inputs.Skip(3).Where(name => readers.GetValueOrDefault(name) > 1).Distinct().Select(name => $"'{name}'")];
    }

    /// <summary>What libtorch makes of the model and of the gradient.</summary>
    private sealed class Opinion : IDisposable
    {
        private readonly ExecutionOptions _execution;
        private readonly TorchSource _torch;
        private readonly IDisposable _scope;

        public Opinion(int threads)
        {
            Runtime.Initialise(threads);
            _scope = TorchSharp.torch.NewDisposeScope();
            _execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = threads };
            _torch = new TorchSource(Engine.CreateDifferentiating(_execution));
        }

        /// <summary>Outputs that ONNX Runtime computes otherwise, and the node to blame.</summary>
        public string? Compare(
            OnnxModel model, IReadOnlyDictionary<string, OnnxTensor> values, IReadOnlyList<string> outputs,
            CancellationToken cancellationToken)
        {
            var (device, budget) = (DeviceSelection.Choose(_execution), new CoreBudget(_execution.Threads));
            var runtime = new OrtSource(ValidationSources.OnnxRuntime, GraphOptimizationLevel.ORT_DISABLE_ALL, device, budget);
            var ours = _torch.Run(model, "model", values, outputs, cancellationToken);
            var theirs = runtime.Run(model, "model", values, outputs, cancellationToken);
            List<string> wrong = [.. outputs.Where(ours.ContainsKey).Where(name => theirs.ContainsKey(name) && !Agree(name))];
            if (wrong.Count == 0) return null;
            var blame = new EngineBlame(_torch, runtime, Allowed, new BlameFolder(null));
            var finding = blame.Find("model", model, values, wrong, cancellationToken).Finding;
            return $"ONNX Runtime and libtorch disagree on the original model itself: {finding}";

            bool Agree(string name) => TensorComparison.Of(ours[name], theirs[name], Allowed(ours[name], theirs[name])).Agrees;
            static Tolerance Allowed(OnnxTensor a, OnnxTensor b) =>
                Tolerance.OfOutput(TensorComparison.LessPrecise(a.ElementType, b.ElementType));
        }

        /// <summary>Whether the gradient is right all the same: run by libtorch, beside libtorch's own.</summary>
        public string OfGradient(
            OnnxModel model, OnnxModel gradient, IReadOnlyDictionary<string, OnnxTensor> values,
            IReadOnlyDictionary<string, OnnxTensor> upstream, IReadOnlyList<string> inputs, string suffix)
        {
            try
            {
                var given = new Dictionary<string, OnnxTensor>(values, StringComparer.Ordinal);
                foreach (var (output, tensor) in upstream)
                    if (GradientCompiler.UpstreamOf(gradient, output, suffix) is { } taken) given[taken] = tensor;
                var compared = inputs.Where(values.ContainsKey).ToList();
                var expected = _torch.Run(model, "model", values, upstream, compared);
                var found = _torch.Run(gradient, "gradient", given, [.. compared.Select(name => name + suffix)]);
                return expected.All(pair => IsClose(pair.Value, found[pair.Key + suffix]))
                    ? " The written gradient, run by libtorch, agrees with libtorch's own."
                    : " The written gradient, run by libtorch, disagrees with libtorch's own, too.";
            }
            catch (Exception error) when (error is GraphException or GradientException)
            {
                return "";
            }

            static bool IsClose(OnnxTensor a, OnnxTensor b) => TensorComparison.Of(a, b, Tolerance.OfGradient(a.ElementType)).Agrees;
        }

        public void Dispose() => _scope.Dispose();
    }
}
