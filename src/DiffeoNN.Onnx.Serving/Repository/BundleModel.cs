using System.Buffers.Text;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Scheduling;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>A bundle: images are canonicalised, the network runs on them, and its answers come back at the images' own sizes.</summary>
/// <remarks>
/// Inputs, one of them: <c>pixels</c>, FP32 (N, C, H, W) in [0, 1], of any size, grey or RGB; or <c>image</c>, BYTES (N), encoded files.
/// Outputs: see README.md; only what is asked for is computed. Parameters: steps, seed, start, passes, accept, timeout, on_timeout,
/// priority. Images of all requests share one running batch, which they join and leave between steps.
/// </remarks>
public sealed class BundleModel : IServedModel
{
    private const string Pixels = "pixels";
    private const string Encoded = "image";

    private static readonly RequestParameters AtDeadline = new([new("best_at_deadline", true)]);

    private readonly EquivariantModel _model;
    private readonly EquivariantOptions _options;
    private readonly ServingOptions _serving;
    private readonly IReadOnlyList<BundleOutput> _outputs;
    private readonly SearchQueue _queue;
    private readonly ServingMeter _meter;
    private readonly DeviceThread _thread;
    private readonly bool _ownsThread;

    private BundleModel(EquivariantModel model, EquivariantOptions options, ServingOptions serving, string name, DeviceThread? thread)
    {
        (_model, _options, _serving) = (model, options, serving);
        _outputs = BundleOutputs.Of(model.Bundle);
        (_thread, _ownsThread) = (thread ?? new DeviceThread(), thread is null);
        _meter = new ServingMeter(name);
        _queue = new SearchQueue(_thread, model.OpenBatch, serving, _meter);
        Metadata = new ModelMetadata(
            "diffeonn_bundle",
            [new TensorMetadata(Pixels, DataType.Fp32, [-1, -1, -1, -1]), new TensorMetadata(Encoded, DataType.Bytes, [-1])],
            [.. _outputs.Select(output => output.Metadata)])
        {
            Usual = [.. _outputs.Where(output => output.IsUsual).Select(output => output.Metadata.Name)],
            MaximumBatch = serving.MaximumBatch,
        };
    }

    /// <inheritdoc/>
    public ModelMetadata Metadata { get; }

    /// <inheritdoc/>
    public (int Waiting, int Running) Depth => (Math.Max(0, _queue.Images - _queue.Running), _queue.Running);

    /// <summary>Images that wait or run.</summary>
    internal int PendingImages => _queue.Images;

    /// <summary>Images that run.</summary>
    internal int RunningImages => _queue.Running;

    /// <summary>Steps that its batches took.</summary>
    internal long Steps => _meter.Taken;

    /// <summary>Loads a bundle.</summary>
    /// <param name="folder">The folder that holds <c>diffeonn.json</c>.</param>
    /// <param name="options">Defaults if null.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="DiffeoException">It does not load, as <see cref="EquivariantModel.Load(string, EquivariantOptions?)"/> says.
    /// </exception>
    public static BundleModel Load(string folder, ServingOptions? options = null) => Load(folder, options, null, null);

    /// <summary>The same, under a name, and with the work done by a thread that others share.</summary>
    internal static BundleModel Load(string folder, ServingOptions? options, string? name, DeviceThread? thread)
    {
        options ??= new ServingOptions();
        var settings = new EquivariantOptions
        {
            Execution = options.Execution, Preset = options.Preset, QueueCapacity = options.QueueCapacity,
        };
        var model = EquivariantModel.Load(folder, settings);
        return new BundleModel(model, settings, options, name ?? model.Bundle.Name, thread);
    }

    /// <inheritdoc/>
    public async ValueTask WarmUpAsync(CancellationToken cancellationToken = default)
    {
        await _thread.AddAsync(_queue).ConfigureAwait(false);
        await TryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask CheckAsync(CancellationToken cancellationToken = default)
    {
        // Who has requests shows by these whether it works.
        if (_queue.Images == 0) await TryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Searches a blank image, uncounted and beside whatever runs.</summary>
    internal async Task TryAsync(CancellationToken cancellationToken = default)
    {
        var spec = _model.Bundle.Image;
        var image = _model.Prepare(new ImageBuffer(spec.Channels, spec.Height, spec.Width));
        await _queue.TryAsync(image, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<InferenceResponse> InferAsync(InferenceRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ModelParameters.Check(request.Parameters, ModelParameters.OfBundle);
        var settings = ModelParameters.Apply(request.Parameters, _options, _serving);
        List<BundleOutput> asked =
            [.. Metadata.Asked(request).Select(output => _outputs.First(one => one.Metadata.Name == output.Name))];
        using var clock = new RequestClock(request.Parameters, cancellationToken);
        var images = await Task.Run(() => ImagesOf(request), cancellationToken).ConfigureAwait(false);
        return await clock.Run(async token =>
        {
            IReadOnlyList<MappedOutput> alone = [];
            IReadOnlyList<FinishedImage> found = [];
            var waited = TimeSpan.Zero;
            try
            {
                var deadline = clock.Deadline;
                if (asked.Exists(output => output.IsAlone))
                {
                    alone = await _queue.RunAloneAsync(images, _model.RunNaive, token).ConfigureAwait(false);
                    deadline = deadline is { } set
                        ? set with { After = set.After > clock.Elapsed ? set.After - clock.Elapsed : TimeSpan.Zero }
                        : null;
                }

                if (asked.Exists(output => !output.IsAlone))
                {
                    (found, waited) = await _queue.RunAsync(
                        images, ReferenceEquals(settings, _options) ? null : settings, clock.Priority, deadline, token)
                        .ConfigureAwait(false);
                }

                List<AnsweredImage> answered =
                    [.. images.Select((_, i) => new AnsweredImage(found.ElementAtOrDefault(i)?.Result, alone.ElementAtOrDefault(i)))];
                var bytes = asked.Sum(output => answered.Sum(output.Bytes));
                if (bytes > _serving.Limits.AnswerBytes)
                {
                    throw ProtocolException.TooLarge(
                        $"The outputs that are asked for have {bytes} bytes at the images' sizes; {_serving.Limits.AnswerBytes} are the "
                        + "most. Ask for fewer outputs or images, or send smaller images.");
                }

                // On a thread that may be kept busy, and not the device's; one at a time may ask a batch.
                var outputs = await Task.Run(() => asked.ConvertAll(output => output.Take(answered)), token).ConfigureAwait(false);
                return new InferenceResponse
                {
                    Outputs = outputs, Images = images.Count, Waited = waited,
                    Parameters = found.Any(image => image.Outcome == RowOutcome.BestAtDeadline) ? AtDeadline : RequestParameters.None,
                };
            }
            finally
            {
                foreach (var image in found) image.Dispose();
                foreach (var answer in alone) answer.Dispose();
            }
        }).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _thread.RemoveAsync(_queue, _queue.Close).ConfigureAwait(false);
        if (_ownsThread) await _thread.DisposeAsync().ConfigureAwait(false);
        await _model.DisposeAsync().ConfigureAwait(false);
    }

    private List<ScaledImage> ImagesOf(InferenceRequest request)
    {
        foreach (var sent in request.Inputs) Metadata.InputOf(sent, request);
        if (request.Inputs is not [var input])
            throw ProtocolException.Invalid($"The request has both inputs, '{Pixels}' and '{Encoded}'; expected one of them.");
        if (input.Shape[0] < 1 || input.Shape[0] > _serving.MaximumBatch)
        {
            throw new ProtocolException(input.Shape[0] < 1 ? ErrorKind.Invalid : ErrorKind.TooLarge,
                $"Input '{input.Name}' has {input.Shape[0]} images; expected 1 to {_serving.MaximumBatch}.");
        }

        return [.. Enumerable.Range(0, (int)input.Shape[0]).Select(i =>
        {
            try
            {
                return input.Name == Encoded ? Decoded(input.Strings[i].Span, i) : _model.Prepare(Plane(input, i));
            }
            catch (ImageException error)
            {
                var hint = input.Name == Encoded && input.Strings[i].Length > 0 && Base64.IsValid(input.Strings[i].Span)
                    ? " It is text in base64; files are sent as binary data, as they are." : "";
                throw ProtocolException.Invalid($"Input '{input.Name}', image {i}: {error.Message}{hint}", error);
            }
        })];
    }

    private ScaledImage Decoded(ReadOnlySpan<byte> bytes, int image)
    {
        using var file = FileContent.Copy(bytes);
        // A few bytes can claim to be an image of any size: the header is asked before memory is taken for what it says.
        var ((width, height), most) = (ImageFile.SizeOf(file, "The file"), _serving.Limits.Pixels);
        if ((long)width * height > most)
        {
            throw ProtocolException.TooLarge(
                $"Input '{Encoded}', image {image}: the file is of {width}x{height} pixels; this server takes {most} an image.");
        }

        return _model.Decode(file, "The file");
    }

    private static ImageBuffer Plane(InferenceTensor input, int image)
    {
        var (channels, height, width) = ((int)input.Shape[1], (int)input.Shape[2], (int)input.Shape[3]);
        if (channels < 1 || height < 1 || width < 1)
            throw ProtocolException.Invalid($"Input {input} has no pixels; expected (N, C, H, W), each at least 1.");
        var size = channels * height * width;
        return new ImageBuffer(channels, height, width, input.As<float>().Slice(image * size, size).ToArray());
    }
}
