using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Validation.Reports;

namespace DiffeoNN.Onnx.Validation;

/// <summary>Compares an exported file with the bundle that it was made of.</summary>
public static class ExportValidation
{
    private const int BatchSize = 16;

    /// <summary>Runs both on images, one at a time; the file once more on batches.</summary>
    /// <param name="path">What <see cref="ModelExporter"/> made, with the answer among its outputs.</param>
    /// <param name="bundle">The bundle.</param>
    /// <param name="images">Of any sizes; the reference images of the bundle if null.</param>
    /// <param name="execution">Device and cores of both; defaults if null.</param>
    /// <param name="progress">Told what is done.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    /// <exception cref="ExportException">The file is no export, or one of another bundle.</exception>
    /// <exception cref="OnnxModelException">The file is no model.</exception>
    /// <exception cref="BundleException">There are no images.</exception>
    /// <exception cref="GraphException">ONNX Runtime does not run the file.</exception>
    public static ExportReport Run(
        string path, Bundle bundle, IReadOnlyList<ImageBuffer>? images = null, ExecutionOptions? execution = null,
        IProgress<string>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(bundle);
        if (!File.Exists(path)) throw new ExportException($"'{path}' does not exist; expected a file that 'diffeonn export' wrote.");
        var exported = OnnxModel.Load(path);
        var (caller, isPhoto) = Read(exported, Path.GetFileName(path), bundle);
        images ??= ReferenceImages(bundle);
        if (images.Count == 0) throw new BundleException($"Bundle '{bundle.Name}' has no reference images, and none were given.");
        var options = new EquivariantOptions { Execution = execution ?? new ExecutionOptions() };
        foreach (var setting in SearchSpec.Settings.Where(caller.Says))
            options = (EquivariantOptions)options.With(setting, caller.Value(setting));
        // A search amplifies rounding: it is compared with one by the same formulas.
        if (bundle.Plan(options).Usual.Steps > 0) options = options with { Fields = FieldEngine.Onnx };
        progress?.Report("loading");
        using var model = EquivariantModel.Load(bundle, options);
        using var file = new OnnxRuntimeEngine(options.Execution with { Engine = EngineKind.OnnxRuntime }).Load(path);
        var run = new ExportRun(file, exported, bundle, isPhoto);
        var tally = new ExportTally(bundle);
        TimeSpan own = default, other = default;
        for (var i = 0; i < images.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            progress?.Report($"image {i + 1} of {images.Count}");
            var image = isPhoto ? run.Bytes(images[i]) : model.PrepareShared(images[i]).Pixels;
            // The first runs prepare memory: their time is not that of a run.
            if (i == 0)
            {
                using var warm = model.Run([image], null, cancellationToken);
                run.Run([image], cancellationToken);
            }

            var clock = Stopwatch.StartNew();
            using var result = model.Run([image], null, cancellationToken);
            own += clock.Elapsed;
            clock.Restart();
            var found = run.Run([image], cancellationToken)[0];
            other += clock.Elapsed;
            tally.Add(result.Images[0], found);
        }

        if (!isPhoto)
        {
            progress?.Report("batches");
            var batches = images.Select(image => model.PrepareShared(image).Pixels).Chunk(BatchSize);
            foreach (var rows in batches.SelectMany(batch => run.Run(batch, cancellationToken)))
                tally.AddOfBatch(rows);
        }

        return tally.Report(own, other) with { TakesSteps = model.Plan.Usual.Steps > 0 };
    }

    /// <summary>What a file says of itself.</summary>
    private static (SearchSpec Caller, bool IsPhoto) Read(OnnxModel exported, string name, Bundle bundle)
    {
        if (!exported.Metadata.TryGetValue(ExportTexts.ManifestKey, out var hash)
            || !exported.Metadata.TryGetValue(ExportTexts.CallerKey, out var said))
        {
            throw new ExportException(
                $"Model '{name}' does not say which bundle it was made of; expected a file that 'diffeonn export' wrote.");
        }

        var present = ExportTexts.ManifestHash(bundle);
        if (hash != present)
            throw new ExportException(
                $"Model '{name}' was made of bundle '{exported.Metadata.GetValueOrDefault(ExportTexts.BundleKey)}' when the SHA-256 of its "
                + $"manifest was {hash}; that of bundle '{bundle.Name}' is {present}. Export it anew.");
        if (!exported.Graph.Outputs.Exists(output => output.Name == ModelExporter.NameOf(ExportOutput.Answer)))
            throw new ExportException($"Model '{name}' has no output 'answer', which is what would be compared.");
        return (Caller(said) ?? throw new ExportException(
            $"Model '{name}' says of its search '{said}', which is none; expected a file as 'diffeonn export' wrote it."),
            exported.Metadata.GetValueOrDefault(ExportTexts.InputKey) == "photo");
    }

    private static SearchSpec? Caller(string said)
    {
        try
        {
            var caller = new SearchSpec();
            foreach (var (word, value) in JsonNode.Parse(said) as JsonObject ?? throw new JsonException())
            {
                var setting = SearchSpec.Settings.FirstOrDefault(setting => setting.Name == word) ?? throw new JsonException();
                caller = caller.With(setting, setting.Read(JsonSerializer.SerializeToElement(value)));
            }

            return caller;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>The reference images of a bundle as pixel values; empty where it has none.</summary>
    /// <param name="bundle">The bundle.</param>
    public static IReadOnlyList<ImageBuffer> ReferenceImages(Bundle bundle)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        var title = BundleValidator.Title(BundleRole.Inner);
        var inner = ValidationCases.OfBundle(bundle, null).First(@case => @case.Name == title);
        return JobValidation.ReferenceImages(bundle, inner) ?? [];
    }
}
