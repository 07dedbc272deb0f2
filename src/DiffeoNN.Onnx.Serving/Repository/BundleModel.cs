using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>A bundle: images are canonicalised, the network runs on them, and its answers come back at the images' own sizes.</summary>
/// <remarks>
/// Inputs, one of them: <c>pixels</c>, FP32 (N, C, H, W) in [0, 1], of any size, grey or RGB; or <c>image</c>, BYTES (N), encoded files.
/// Outputs: see README.md; only what is asked for is computed. Parameters: steps, seed, start, passes, accept, timeout, priority.
/// One request at a time.
/// </remarks>
public sealed class BundleModel : IServedModel
{
    private const string Pixels = "pixels";
    private const string Encoded = "image";

    private readonly EquivariantModel _model;
    private readonly EquivariantOptions _options;
    private readonly ServingOptions _serving;
    private readonly IReadOnlyList<BundleOutput> _outputs;
    private readonly Turns _turns;

    private BundleModel(EquivariantModel model, EquivariantOptions options, ServingOptions serving)
    {
        (_model, _options, _serving) = (model, options, serving);
        _outputs = BundleOutputs.Of(model.Bundle);
        _turns = new Turns(serving.QueueCapacity);
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

    /// <summary>Loads a bundle.</summary>
    /// <param name="folder">The folder that holds <c>diffeonn.json</c>.</param>
    /// <param name="options">Defaults if null.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="DiffeoException">It does not load, as <see cref="EquivariantModel.Load(string, EquivariantOptions?)"/> says.
    /// </exception>
    public static BundleModel Load(string folder, ServingOptions? options = null)
    {
        options ??= new ServingOptions();
        var settings = new EquivariantOptions
        {
            Execution = options.Execution, Preset = options.Preset, QueueCapacity = options.QueueCapacity,
        };
        return new BundleModel(EquivariantModel.Load(folder, settings), settings, options);
    }

    /// <inheritdoc/>
    public async ValueTask WarmUpAsync(CancellationToken cancellationToken = default)
    {
        var spec = _model.Bundle.Image;
        using var batch = await _model.CanonicaliseAsync(
            [_model.Prepare(new ImageBuffer(spec.Channels, spec.Height, spec.Width))], null, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<InferenceResponse> InferAsync(InferenceRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ModelParameters.Check(request.Parameters, ModelParameters.OfBundle);
        var settings = ModelParameters.Apply(request.Parameters, _options, _serving.MaximumSteps);
        string[] asked = [.. Metadata.Asked(request).Select(output => output.Name)];
        using var clock = new RequestClock(request.Parameters, cancellationToken);
        var images = await Task.Run(() => Images(request), cancellationToken).ConfigureAwait(false);
        return await clock.Run(async token =>
        {
            using var turn = await _turns.TakeAsync(clock.Priority, token).ConfigureAwait(false);
            var waited = clock.Elapsed;
            await using var variant = ReferenceEquals(settings, _options) ? null
                : _model.WithSettings(_model.Bundle.Manifest, _ => settings);
            using var batch = await (variant ?? _model).CanonicaliseAsync(images, null, token).ConfigureAwait(false);
            // On a thread that may be kept busy; one at a time may ask a batch.
            var outputs = await Task.Run(
                () => asked.Select(name => _outputs.First(output => output.Metadata.Name == name).Take(batch)).ToList(), token)
                .ConfigureAwait(false);
            return new InferenceResponse { Outputs = outputs, Images = images.Count, Waited = waited };
        }).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _model.DisposeAsync();

    private List<ScaledImage> Images(InferenceRequest request)
    {
        foreach (var sent in request.Inputs) Metadata.InputOf(sent);
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
                return _model.Prepare(input.Name == Encoded ? Decoded(input.Strings[i]) : Plane(input, i));
            }
            catch (ImageException error)
            {
                throw ProtocolException.Invalid($"Input '{input.Name}', image {i}: {error.Message}", error);
            }
        })];
    }

    private static ImageBuffer Decoded(ReadOnlyMemory<byte> file)
    {
        using var stream = new MemoryStream(file.ToArray(), writable: false);
        return ImageFile.Read(stream);
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
