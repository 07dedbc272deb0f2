using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Validation;

/// <summary>Compares what PyTorch, ONNX Runtime and libtorch make of the same graphs,
/// and names the node to blame where they disagree.</summary>
/// <remarks>
/// Outputs are compared with PyTorch's reference tensors where there are some, otherwise with ONNX Runtime at basic optimisation.
/// Gradients are compared with PyTorch's, otherwise with libtorch's autograd over the imported graph,
/// and with finite differences along random directions. A disagreement is told in the report, not thrown.
/// </remarks>
public static class Validator
{
    /// <summary>What a model is called in a folder of reference tensors, as tools/pytorch writes it.</summary>
    private const string ReferenceModel = "model.onnx";

    /// <summary>Validates a bundle's folder or a model's file.</summary>
    /// <param name="path">A folder with <c>diffeonn.json</c>, an ONNX file, or a folder with <c>model.onnx</c> and its reference
    /// tensors.</param>
    /// <param name="options">Defaults if null.</param>
    /// <param name="progress">Told what is being compared.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    /// <exception cref="ArgumentException">A source is unknown, or none of them runs a graph.</exception>
    /// <exception cref="BundleException">The bundle is missing, malformed or inconsistent, or there is nothing at the path.</exception>
    /// <exception cref="Gradients.OnnxModelException">The file is no model.</exception>
    /// <exception cref="TensorDataException">Reference tensors are missing or do not fit.</exception>
    /// <exception cref="GraphException">No engine runs a graph, it has no outputs or no nodes,
    /// or an input that has to be drawn has no known shape.</exception>
    /// <exception cref="DeviceUnavailableException">CUDA is asked for and does not work.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static ValidationReport Run(
        string path, ValidationOptions? options = null, IProgress<string>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ValidationOptions();
        if (!File.Exists(Path.Combine(path, BundleManifest.FileName)) && File.Exists(Path.Combine(path, ReferenceModel)))
            path = Path.Combine(path, ReferenceModel);
        var bundle = Directory.Exists(path) ? Bundle.Load(path) : null;
        if (bundle is null && !File.Exists(path))
            throw new BundleException($"'{path}' does not exist; expected a bundle's folder or an ONNX file.");
        var clock = Stopwatch.StartNew();
        Runtime.Initialise(options.Execution.Threads);
        var budget = new CoreBudget(options.Execution.Threads);
        var device = DeviceSelection.Choose(options.Execution);
        var engines = ValidationEngines.Create(options.Sources, options.Execution, device, budget);
        if (bundle is not null)
            BackwardGraphCheck.Check(bundle, new OnnxRuntimeEngine(options.Execution with { Engine = EngineKind.OnnxRuntime }));
        var cases = bundle is null
            ? [ValidationCases.OfModel(path, options.Reference)]
            : ValidationCases.OfBundle(bundle, options.Reference);
        var graphs = new List<GraphReport>();
        var images = options.Images;
        foreach (var @case in cases)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report(@case.Name);
            graphs.Add(GraphValidation.Run(@case, engines, options, cancellationToken));
            if (bundle is not null && @case.Name == BundleValidator.Title(BundleRole.Inner))
                images ??= JobValidation.ReferenceImages(bundle, @case);
        }

        using var jobs = bundle is null || !options.Job ? null : new JobValidation(bundle, options);
        var (job, jobSkipped) = jobs is null ? (null, null) : Job(jobs, images, graphs, options, progress, cancellationToken);
        var (fields, fieldsSkipped) = jobs is null ? ([], null) : Fields(jobs, images, options, progress, cancellationToken);

        return new ValidationReport
        {
            Subject = bundle?.Name ?? Path.GetFileName(path),
            Path = path,
            Kind = bundle is null ? "model" : "bundle",
            Device = device.Reason,
            Cores = budget.Cores,
            Seed = options.Seed,
            Sources = options.Sources,
            Versions = Versions(),
            Graphs = graphs,
            Job = job,
            JobSkipped = jobSkipped,
            Fields = fields,
            FieldsSkipped = fieldsSkipped,
            Seconds = clock.Elapsed.TotalSeconds,
        };
    }

    private static (JobReport? Report, string? Skipped) Job(
        JobValidation jobs, IReadOnlyList<ImageBuffer>? images, List<GraphReport> graphs, ValidationOptions options,
        IProgress<string>? progress,
        CancellationToken cancellationToken)
    {
        if (!options.Sources.Contains(ValidationSources.Torch) || !options.Sources.Contains(ValidationSources.OnnxRuntime))
            return (null, $"it takes both {ValidationSources.OnnxRuntime} and {ValidationSources.Torch}.");
        if (images is not { Count: > 0 }) return (null, "the bundle has no reference images, and none were given.");
        // What a graph that the other engine lacks would fail with has been told for that graph.
        if (graphs.Find(
            graph => graph.Skipped.Any(skipped => skipped.Source == ValidationSources.Torch && skipped.Quantity == ComparedQuantity.Output))
            is { } lacking)
            return (null, $"{ValidationSources.Torch} does not run {lacking.Name}.");
        progress?.Report("the whole job");
        return (jobs.Run(images, cancellationToken), null);
    }

    private static (IReadOnlyList<JobReport> Reports, string? Skipped) Fields(
        JobValidation jobs,
        IReadOnlyList<ImageBuffer>? images,
        ValidationOptions options,
        IProgress<string>? progress,
        CancellationToken cancellationToken)
    {
        if (!options.Sources.Contains(ValidationSources.OnnxRuntime)) return ([], $"it takes {ValidationSources.OnnxRuntime}.");
        if (images is not { Count: > 0 }) return ([], "the bundle has no reference images, and none were given.");
        progress?.Report("fields by graphs");
        try
        {
            return (jobs.Fields(images, cancellationToken), null);
        }
        catch (GraphException error)
        {
            // Bundles whose energy or padding graphs do not know are as good as others with libtorch's fields.
            return ([], error.Message);
        }
    }

    private static Dictionary<string, string> Versions() => new()
    {
        ["DiffeoNN.Onnx"] = Of(typeof(Validator).Assembly),
        ["ONNX Runtime"] = OrtEnv.Instance().GetVersionString(),
        ["TorchSharp"] = Of(typeof(TorchSharp.torch).Assembly),
        [".NET"] = Environment.Version.ToString(),
        ["system"] = $"{RuntimeInformation.OSDescription} {RuntimeInformation.OSArchitecture}",
    };

    private static string Of(Assembly assembly) =>
        (assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? assembly.GetName().Version?.ToString() ?? "unknown").Split('+')[0];
}
