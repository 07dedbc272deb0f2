using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>Whether a model can serve in a bundle: what it was made with, what both engines and the gradient compiler lack,
/// and what looks wrong in it.</summary>
public static class ModelDiagnosis
{
    /// <summary>Newest version of the operator set that the runtime here is released for.</summary>
    private const int NewestOpset = 26;

    /// <summary>Looks at a file, or at every network of a bundle.</summary>
    /// <param name="path">An ONNX file or a bundle's folder.</param>
    /// <param name="options">Device and cores for loading it; defaults if null.</param>
    /// <returns>What was found; a file that cannot be read is a finding, not an exception.</returns>
    public static IReadOnlyList<Finding> Run(string path, ExecutionOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ExecutionOptions();
        if (!Directory.Exists(path)) return [.. File(path, Path.GetFileName(path), options)];
        Bundle bundle;
        try
        {
            bundle = Bundle.Load(path);
            BackwardGraphCheck.Check(bundle, new OnnxRuntimeEngine(options with { Engine = EngineKind.OnnxRuntime }));
        }
        catch (BundleException error)
        {
            return [new(FindingLevel.Problem, Path.GetFileName(Path.GetFullPath(path)), error.Message,
                "correct the bundle; the message says what was expected")];
        }

        return
        [
            new(FindingLevel.Good, bundle.Name,
                $"manifest, files and hashes agree; roles {string.Join(", ", bundle.Roles.Select(BundleValidator.Title))}"),
            .. WithoutEnergy(bundle),
            .. bundle.Roles.SelectMany(role =>
            {
                var subject = $"{BundleValidator.Title(role)} ({Path.GetFileName(bundle.PathOf(role))})";
                return File(bundle.PathOf(role), subject, options)
                    .Prepend(new Finding(FindingLevel.Good, subject, $"takes {bundle.InputOf(role)}"));
            }),
        ];
    }

    private static Finding[] WithoutEnergy(Bundle bundle) => bundle.Manifest.Models.HasEnergy ? [] :
    [
        new(FindingLevel.Note, bundle.Name, "has no energy, so that nothing can be canonicalised with it yet",
            "add one to its manifest"),
    ];

    private static IEnumerable<Finding> File(string path, string subject, ExecutionOptions options)
    {
        OnnxModel model;
        try
        {
            model = OnnxModel.Load(path);
        }
        catch (Exception error) when (error is GradientException or IOException or UnauthorizedAccessException)
        {
            var advice = error.Message.Contains("external data", StringComparison.Ordinal)
                || error.Message.Contains("needs bytes up to", StringComparison.Ordinal)
                ? "copy the model together with the data files it was exported with, into one folder, without renaming them"
                : "export the model again, or copy it again if it was cut short";
            return [new(FindingLevel.Problem, subject, error.Message, advice)];
        }

        return
        [
            Origin(model, subject), .. Opset(model, subject), .. Inputs(model, subject), .. Random(model, subject),
            .. NormalisationChecks.Run(model, subject), .. Weights(model, subject), .. Gradients(model, subject),
            .. Engines(path, model, subject, options),
        ];
    }

    private static Finding Origin(OnnxModel model, string subject)
    {
        var weights = model.Graph.Initializers.Values.Where(tensor => tensor.ElementType.IsFloat()).Sum(tensor => tensor.Count);
        var producer = model.ProducerName.Length > 0 ? $"{model.ProducerName} {model.ProducerVersion}".Trim() : "an unknown producer";
        var functions = model.Functions.Count > 0 ? $", {model.Functions.Count} functions" : "";
        return new(FindingLevel.Good, subject, $"by {producer}; {model.Graph.Nodes.Count} nodes{functions}, {weights:N0} weights; inputs "
            + $"{string.Join(", ", model.Graph.RequiredInputs)}; outputs {string.Join(", ", model.Graph.Outputs)}");
    }

    private static IEnumerable<Finding> Opset(OnnxModel model, string subject)
    {
        var version = model.Opset;
        yield return version > NewestOpset
            ? new(FindingLevel.Warning, subject, $"operator set {version} is newer than {NewestOpset}, the newest known here",
                $"export with opset_version={NewestOpset} or lower")
            : version < GradientCompiler.MinimumOpset
            ? new(FindingLevel.Note, subject,
                $"operator set {version}; gradients and the engine torch rewrite it for {GradientCompiler.MinimumOpset}")
            : new(FindingLevel.Good, subject, $"operator set {version}");
        foreach (var (domain, other) in model.OpsetImports.Where(
            pair => pair.Key.Length > 0 && model.Functions.All(function => function.Domain != pair.Key)))
        {
            var used = AllNodes(model).Where(node => node.Domain == domain).ToList();
            if (used.Count == 0) continue;
            string[] unknown = [.. used.Select(node => node.OpType).Distinct().Order(StringComparer.Ordinal)
                .Where(type => GradientCompiler.FindRule(domain, type, Math.Max(GradientCompiler.MinimumOpset, version)) is null)];
            var text = $"{used.Count} nodes of the operator set {domain} {other}, which is no standard one";
            yield return unknown.Length == 0
                ? new(FindingLevel.Note, subject,
                    $"{text}: gradients know all of them, ONNX Runtime runs them, other runtimes may not")
                : new(FindingLevel.Warning, subject, $"{text}; without a gradient rule: {string.Join(", ", unknown)}",
                    "export without the optimiser or extension that put them there, or give rules for them (GradientOptions.Operators)");
        }
    }

    private static IEnumerable<Finding> Inputs(OnnxModel model, string subject)
    {
        foreach (var input in model.Graph.RequiredInputs.Where(input => input.Shape is { Count: > 0 } shape && shape[0].Size is not null))
        {
            var batch = input.Shape![0];
            yield return IsFreed(model, input.Name, out var reason)
                ? new(FindingLevel.Note, subject,
                    $"input {input} has a fixed first dimension of {batch}, which a bundle frees: each image is treated by itself")
                : new(FindingLevel.Warning, subject,
                    $"input {input} has a fixed first dimension of {batch}; a bundle runs it {batch} images at a time"
                    + (batch.Size > 1 ? $", and that images do not change each other's results is not proven: {reason}" : ""),
                    $"export with a free first dimension: dynamic_axes={{'{input.Name}': {{0: 'N'}}}}, or "
                    + "dynamic_shapes with the newer exporter");
        }

        foreach (var input in model.Graph.RequiredInputs.Where(input => input.Shape is null))
            yield return new(FindingLevel.Warning, subject, $"input {input} does not say how many dimensions it has",
                "export it with the shapes of its inputs");
        foreach (var input in model.Graph.RequiredInputs.Where(
            input => input.ElementType is not (OnnxElementType.Float or OnnxElementType.Float16 or OnnxElementType.Double)))
        {
            yield return input.ElementType == OnnxElementType.UInt8
                ? new(FindingLevel.Note, subject, $"input {input} takes bytes, which the networks of a bundle may; VAE, critic and energy, "
                    + "which need a gradient, may not")
                : new(FindingLevel.Warning, subject,
                    $"input {input} is not float32, float16, float64 or uint8, which the networks of a bundle take",
                    "export the network in float32 (model.float())");
        }

        var read = AllNodes(model).SelectMany(node => node.Inputs).Concat(model.Graph.Outputs.Select(output => output.Name))
            .ToHashSet(StringComparer.Ordinal);
        foreach (var input in model.Graph.RequiredInputs.Where(input => !read.Contains(input.Name)))
            yield return new(FindingLevel.Warning, subject, $"input {input} is not read",
                "check the export: an input that does nothing is mostly one that was turned into a constant");
    }

    private static bool IsFreed(OnnxModel model, string input, out string? reason)
    {
        try
        {
            return FreeBatch.Apply(PosteriorMean.Apply(model).Model, input, out reason) is not null;
        }
        catch (OnnxModelException error)
        {
            reason = error.Message.TrimEnd('.');
            return false;
        }
    }

    private static IEnumerable<Finding> Random(OnnxModel model, string subject)
    {
        PosteriorMeanResult result;
        try
        {
            result = PosteriorMean.Apply(model);
        }
        catch (OnnxModelException error)
        {
            return [new(FindingLevel.Problem, subject, error.Message, "export it after model.eval()")];
        }

        return result.Replaced.Count == 0 ? [] :
        [
            new(FindingLevel.Warning, subject, $"draws random numbers: {string.Join(", ", result.Replaced)}",
                "in a bundle they stand at their mean; elsewhere export after model.eval(), and a VAE with its latent at the mean"),
        ];
    }

    private static IEnumerable<Finding> Weights(OnnxModel model, string subject)
    {
        foreach (var tensor in model.Graph.Initializers.Values.Where(tensor => tensor.ElementType.IsFloat() && tensor.Count > 0))
        {
            var values = tensor.ToDoubleArray();
            if (values.Count(value => !double.IsFinite(value)) is > 0 and var wrong)
                yield return new(
                    FindingLevel.Problem,
                    subject,
                    $"weight '{tensor.Name}' [{string.Join(",", tensor.Dimensions)}] holds {wrong} values that are not finite",
                    "the training diverged; take an earlier checkpoint");
            else if (values.Length > 16 && Array.TrueForAll(values, value => value == 0) && tensor.Dimensions.Count > 1)
                yield return new(
                    FindingLevel.Warning, subject, $"weight '{tensor.Name}' [{string.Join(",", tensor.Dimensions)}] is all zero",
                    "check that the trained weights were loaded before the export");
        }
    }

    private static IEnumerable<Finding> Gradients(OnnxModel model, string subject)
    {
        string[] floats = [.. model.Graph.RequiredInputs.Where(input => input.ElementType.IsFloat()).Select(input => input.Name)];
        if (floats.Length == 0) return [new(FindingLevel.Note, subject, "has no input of floats, so no gradient")];
        try
        {
            var gradient = GradientCompiler.Compile(PosteriorMean.Apply(model).Model);
            return [new(FindingLevel.Good, subject, $"its gradient compiles: {gradient.Graph.Nodes.Count} nodes")];
        }
        catch (UnsupportedOperatorException error)
        {
            return [new(FindingLevel.Warning, subject, error.Message,
                "only VAE, critic and energy need a gradient: replace the operator there, or run with --engine torch")];
        }
        catch (GradientException error)
        {
            return [new(FindingLevel.Warning, subject, $"its gradient does not compile: {error.Message}",
                "only VAE, critic and energy need a gradient")];
        }
    }

    private static IEnumerable<Finding> Engines(string path, OnnxModel model, string subject, ExecutionOptions options)
    {
        // A path keeps external data where it lies.
        yield return Load("onnxruntime", () => new OnnxRuntimeEngine(options with { Engine = EngineKind.OnnxRuntime }).Load(path),
            FindingLevel.Problem,
            "replace the operator before exporting; a bundle needs what ONNX Runtime runs");
        yield return Load(
            "torch",
            () => Engine.Create(options with { Engine = EngineKind.Torch }).Load(PosteriorMean.Apply(model).Model, subject),
            FindingLevel.Note,
            "use the engine onnxruntime; validation then has one source less");

        Finding Load(string engine, Func<IGraph> load, FindingLevel level, string advice)
        {
            try
            {
                using var graph = load();
                return new(FindingLevel.Good, subject, $"the engine {engine} loads it");
            }
            catch (EngineMissingException error)
            {
                return new(FindingLevel.Note, subject, $"the engine {engine} was not tried: {error.Message}", "");
            }
            catch (NativeLibraryException)
            {
                // Of the machine, which has its own findings.
                return new(FindingLevel.Note, subject, $"the engine {engine} was not tried, as libtorch does not load",
                    "see what is said of TorchSharp");
            }
            catch (Exception error) when (error is DiffeoException or GradientException)
            {
                return new(level, subject, error.Message, advice);
            }
        }
    }

    internal static IEnumerable<OnnxNode> AllNodes(OnnxModel model) =>
        AllNodes(model.Graph.Nodes.Concat(model.Functions.SelectMany(function => function.Nodes)));

    /// <summary>A node and all inside its graphs.</summary>
    internal static IEnumerable<OnnxNode> WithInner(OnnxNode node) => AllNodes([node]);

    private static IEnumerable<OnnxNode> AllNodes(IEnumerable<OnnxNode> nodes) => nodes.SelectMany(node =>
        AllNodes(node.Attributes.Values.SelectMany(attribute => attribute.Graphs).SelectMany(graph => graph.Nodes)).Prepend(node));
}
