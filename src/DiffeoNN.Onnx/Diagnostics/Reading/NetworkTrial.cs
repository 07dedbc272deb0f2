using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Shapes;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>A network that is tried on images, with one normalisation after another.</summary>
internal sealed class NetworkTrial : IDisposable
{
    /// <summary>Images at most and at least, and the numbers that a batch may have.</summary>
    private const int Most = 16, Fewest = 4, Numbers = 4_000_000;

    /// <summary>What is changed in images so that answers should stay as they are: brightness, and noise on top.</summary>
    private const double Dimmer = 0.95, Noise = 0.02;

    private readonly IGraph _graph;
    private readonly string _input;
    private readonly float[] _pixels, _changed;
    private readonly long[] _shape;

    private NetworkTrial(IGraph graph, string input, ImageBuffer[] images)
    {
        (_graph, _input) = (graph, input);
        var first = images[0];
        _shape = [images.Length, first.Channels, first.Height, first.Width];
        _pixels = [.. images.SelectMany(image => image.Data.ToArray())];
        var random = new SplitMix64(1);
        _changed = [.. _pixels.Select(value =>
            (float)Math.Clamp((Dimmer * value) + (Noise * random.Normal()), 0, 1))];
    }

    /// <summary>Whether images are generated ones, whose answers say nothing.</summary>
    public bool IsGenerated { get; private init; }

    /// <summary>Number of images.</summary>
    public int Count => (int)_shape[0];

    /// <summary>Pixel values of an image, channel by channel.</summary>
    public ReadOnlySpan<float> Pixels(int image) => _pixels.AsSpan(image * (_pixels.Length / Count), _pixels.Length / Count);

    /// <summary>Loads a network.</summary>
    /// <param name="model">Left untouched.</param>
    /// <param name="format">How it takes images; its normalisation is left out.</param>
    /// <param name="images">What it is tried on; null for generated ones, which tell shapes alone.</param>
    /// <param name="options">Where it runs.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ImageException">An image has channels that cannot become the network's.</exception>
    /// <exception cref="GraphException">It does not load.</exception>
    public static NetworkTrial Load(
        OnnxModel model, InputFormat format, IReadOnlyList<ImageBuffer>? images, ExecutionOptions options, string name)
    {
        if (format.Batch is not null && FreeBatch.Apply(model, format.Name) is { } freed)
            (model, format) = (freed, format with { Batch = null });
        var plain = format.Type == OnnxElementType.UInt8 ? format : format.Unnormalised;
        var (network, input) = InputConversion.OnPixels(model, plain, null);
        var graph = Engine.Create(options).Load(network, name);
        if (format.Batch is { } batch) graph = new FixedBatchGraph(graph, input, batch);
        return new NetworkTrial(graph, input, Chosen(images, format)) { IsGenerated = images is null };
    }

    /// <summary>Runs the network.</summary>
    /// <param name="normalisation">What pixel values become.</param>
    /// <param name="isChanged">Whether images are a little darker, and noisy.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>All outputs that are numbers, by name.</returns>
    public IReadOnlyDictionary<string, OutputSample> Run(Normalisation normalisation, bool isChanged, CancellationToken cancellationToken)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var pixels = isChanged ? _changed : _pixels;
        var values = new float[pixels.Length];
        int plane = (int)(_shape[2] * _shape[3]), channels = (int)_shape[1];
        for (var i = 0; i < values.Length; i++) values[i] = (float)normalisation.Of(pixels[i], i / plane % channels);
        var images = torch.tensor(values).view(_shape);
        return _graph.Run(new Dictionary<string, torch.Tensor> { [_input] = images }, null, cancellationToken)
            .Where(output => output.Value.dim() > 0).ToDictionary(output => output.Key, output => OutputSample.Read(output.Value));
    }

    /// <inheritdoc/>
    public void Dispose() => _graph.Dispose();

    private static ImageBuffer[] Chosen(IReadOnlyList<ImageBuffer>? images, InputFormat format)
    {
        var most = Math.Clamp(Numbers / (format.Channels * format.Height * format.Width), Fewest, Most);
        if (images is null) return [.. Enumerable.Range(0, Fewest).Select(i => Generated(format, i))];
        var count = Math.Min(images.Count, most);
        // One after the other: those of files may be large.
        return [.. Enumerable.Range(0, count).Select(i => Fitted(images[i * images.Count / count]))];

        ImageBuffer Fitted(ImageBuffer image) => image.CanBecome(format.Channels)
            ? ImageResampler.Fitted(image.WithChannels(format.Channels), format.Height, format.Width)
            : throw new ImageException(
                $"An image has {image.Channels} channels, and the network takes {format.Channels}; only grey and RGB become each other.");
    }

    private static ImageBuffer Generated(InputFormat format, int index)
    {
        var image = ImageResampler.Resize(ShapesGenerator.Generate(1, index, 64).Image, format.Height, format.Width);
        var result = new ImageBuffer(format.Channels, format.Height, format.Width);
        for (var c = 0; c < format.Channels; c++) image.Data.CopyTo(result.Plane(c));
        return result;
    }
}
