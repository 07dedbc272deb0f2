using System.Diagnostics;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;
using TorchSharp;

namespace DiffeoNN.Onnx.Validation;

/// <summary>Runs a bundle's whole job in two ways on the same images and seed, and compares fields and answers.</summary>
internal sealed class JobValidation : IDisposable
{
    /// <summary>Steps of the search whose fields are compared where the bundle takes none. A search amplifies rounding;
    /// after a few steps a wrong gradient shows, and rounding does not yet.</summary>
    private const int Steps = 3;

    private readonly Bundle _bundle;
    private readonly EquivariantOptions _options;
    private readonly Lazy<EquivariantModel> _model;

    /// <param name="bundle">Its networks are loaded into ONNX Runtime once, when first needed.</param>
    /// <param name="options">Device, cores and seed.</param>
    public JobValidation(Bundle bundle, ValidationOptions options)
    {
        _bundle = bundle;
        _options = new EquivariantOptions
        {
            Execution = options.Execution with { Engine = EngineKind.OnnxRuntime }, Seed = (ulong)options.Seed,
        };
        _model = new Lazy<EquivariantModel>(() => EquivariantModel.Load(bundle, _options));
    }

    /// <summary>Compares the engines.</summary>
    /// <param name="images">At least one.</param>
    /// <param name="cancellationToken">Ends a search within one step.</param>
    public JobReport Run(IReadOnlyList<ImageBuffer> images, CancellationToken cancellationToken)
    {
        using var baseline = RunOf(_model.Value, images, cancellationToken);
        using var torch = EquivariantModel.Load(
            _bundle, _options with { Execution = _options.Execution with { Engine = EngineKind.Torch } });
        using var other = RunOf(torch, images, cancellationToken);
        return Compare("whole job", (ValidationSources.OnnxRuntime, baseline), (ValidationSources.Torch, other));
    }

    /// <summary>Compares fields by graphs with fields by libtorch; ONNX Runtime runs the networks of both.</summary>
    /// <param name="images">At least one.</param>
    /// <param name="cancellationToken">Ends a search within one step.</param>
    /// <returns>As the bundle says; where that takes no step, also from no deformation with a few steps.</returns>
    /// <exception cref="GraphException">The bundle's fields cannot be graphs.</exception>
    public IReadOnlyList<JobReport> Fields(IReadOnlyList<ImageBuffer> images, CancellationToken cancellationToken)
    {
        List<JobReport> reports = [Both("fields", o => o)];
        if (reports[0].Steps == 0)
            reports.Add(Both($"fields, {Steps} steps", o => o with { Start = StartPoint.Identity, Steps = Steps }));
        return reports;

        JobReport Both(string name, Func<EquivariantOptions, EquivariantOptions> change)
        {
            using var torch = _model.Value.WithSettings(_bundle.Manifest, o => change(o) with { Fields = FieldEngine.Torch });
            using var baseline = RunOf(torch, images, cancellationToken);
            using var graphs = _model.Value.WithSettings(_bundle.Manifest, o => change(o) with { Fields = FieldEngine.Onnx });
            using var other = RunOf(graphs, images, cancellationToken);
            return Compare(name, ("fields torch", baseline), ("fields onnx", other)) with
            {
                Steps = baseline.Result.Images.Max(image => image.Canonicalisation.Steps),
            };
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_model.IsValueCreated) _model.Value.Dispose();
    }

    /// <summary>The images of the inner model's reference tensors, which are normalised, as pixel values.</summary>
    /// <returns>Null where the bundle has none.</returns>
    public static IReadOnlyList<ImageBuffer>? ReferenceImages(Bundle bundle, ValidationCase inner)
    {
        var format = bundle.InputOf(BundleRole.Inner, inner.Model);
        // Of another size or with other channels, they say nothing of what the energies see.
        if (format.HasOwnPixels || inner.References.Count == 0) return null;
        if (!inner.References[0].Inputs.TryGetValue(format.Name, out var tensor)) return null;
        var (image, values) = (bundle.Image, tensor.ToDoubleArray());
        var plane = image.Height * image.Width;
        var size = image.Channels * plane;
        return [.. Enumerable.Range(0, values.Length / size).Select(n => new ImageBuffer(image.Channels, image.Height, image.Width,
            [.. Enumerable.Range(0, size).Select(i => Pixel(n * size, i / plane, i % plane))]))];

        float Pixel(int first, int channel, int place)
        {
            var at = format.Layout == ChannelLayout.ChannelsFirst ? (channel * plane) + place : (place * image.Channels) + channel;
            return (float)Math.Clamp(((values[first + at] * format.Std[channel]) + format.Mean[channel]) / format.Range, 0, 1);
        }
    }

    /// <summary>Compares the results of two engines for the same images.</summary>
    internal static JobReport Compare(EquivariantResult baseline, EquivariantResult other) => Compare(
        "whole job", (ValidationSources.OnnxRuntime, new JobRun(baseline, TimeSpan.Zero)),
        (ValidationSources.Torch, new JobRun(other, TimeSpan.Zero)));

    private static JobReport Compare(string name, (string Name, JobRun Run) first, (string Name, JobRun Run) second)
    {
        var (baseline, other) = (first.Run.Result, second.Run.Result);
        var pairs = baseline.Images.Zip(other.Images).ToList();
        var differences = pairs
            .SelectMany(pair => pair.First.Output.All.Zip(pair.Second.Output.All))
            .Select(pair => AnswerKinds.Of(pair.First.Kind).Differ(pair.First, pair.Second)).ToList();
        var ious = differences.Select(difference => difference.Iou).OfType<double>().ToList();
        var flips = differences.Select(difference => difference.Flips).OfType<double>().ToList();
        return new JobReport
        {
            Name = name,
            Baseline = first.Name,
            Engine = second.Name,
            BaselineSeconds = first.Run.Time.TotalSeconds,
            EngineSeconds = second.Run.Time.TotalSeconds,
            Images = pairs.Count,
            Tensors =
            [
                Tensor("canonical image", baseline.Fields.Canonical, other.Fields.Canonical),
                Tensor("velocity", baseline.Fields.Velocity, other.Fields.Velocity),
                Tensor("displacement", baseline.Fields.Displacement, other.Fields.Displacement),
                .. pairs.SelectMany((pair, i) => Answers($"answer {i}", pair.First.Output, pair.Second.Output)),
            ],
            MeanIou = ious.Count == 0 ? null : ious.Average(),
            WorstIou = ious.Count == 0 ? null : ious.Min(),
            Flips = flips.Count == 0 ? null : flips.Average(),
            AnswerError = flips.Count < differences.Count
                ? pairs.SelectMany(pair => Answers("answer", pair.First.Output, pair.Second.Output))
                    .Max(tensor => tensor.LargestScaledError)
                : null,
            OtherDecisions = pairs.Count(pair => pair.First.Canonicalisation.Accepted != pair.Second.Canonicalisation.Accepted),
        };
    }

    private static JobRun RunOf(EquivariantModel model, IReadOnlyList<ImageBuffer> images, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        return new JobRun(model.Run(images, null, cancellationToken), clock.Elapsed);
    }

    private static IEnumerable<TensorComparison> Answers(string name, ModelOutput a, ModelOutput b) =>
        a.All.Zip(b.All).SelectMany((pair, i) => Answer(i == 0 ? name : $"{name} {pair.First.Name}", pair.First, pair.Second));

    private static IEnumerable<TensorComparison> Answer(string name, ModelOutput a, ModelOutput b)
    {
        var kind = AnswerKinds.Of(a.Kind);
        if (kind.Values(a) is not { } first || kind.Values(b) is not { } second) return [];
        return [TensorComparison.Of(Tensor(name, first), Tensor(name, second))];

        static OnnxTensor Tensor(string name, float[] values) => OnnxTensor.Create<float>(name, [values.Length], values);
    }

    private static TensorComparison Tensor(string name, torch.Tensor a, torch.Tensor b) =>
        TensorComparison.Of(TorchTensors.FromTorch(name, a), TorchTensors.FromTorch(name, b));

    private sealed class JobRun(EquivariantResult result, TimeSpan time) : IDisposable
    {
        public EquivariantResult Result => result;

        public TimeSpan Time => time;

        public void Dispose() => Result.Dispose();
    }
}
