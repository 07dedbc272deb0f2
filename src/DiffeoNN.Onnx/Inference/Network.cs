using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A network of a bundle that takes pixel values in batches of any size, whatever its file takes.</summary>
internal sealed class Network : IDisposable
{
    private readonly IGraph _graph;
    private readonly string _input;

    private Network(IGraph graph, string input, InputFormat format)
    {
        (_graph, _input, Format) = (graph, input, format);
    }

    /// <summary>How its file takes images; the batch is free where it could be freed.</summary>
    public InputFormat Format { get; }

    /// <summary>Loads a role's network for images of the bundle's size and channels.</summary>
    public static Network OnImages(Bundle bundle, BundleRole role, IEngine engine) => Load(bundle, role, engine, bundle.Image, f => f);

    /// <summary>Loads a role's network for images of its own size and channels: <see cref="NetworkPixels"/>.</summary>
    public static Network OnOwnPixels(Bundle bundle, BundleRole role, IEngine engine) => Load(bundle, role, engine, null, f => f);

    /// <summary>Loads a role's network for images of its own size and channels that are normalised already.</summary>
    public static Network OnValues(Bundle bundle, BundleRole role, IEngine engine) =>
        Load(bundle, role, engine, null, format => format.Unnormalised);

    /// <summary>Runs the network.</summary>
    /// <param name="images">(N, C, H, W), float32.</param>
    /// <param name="output">Name of an output.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>The output, float32 where it is of floats; it joins the caller's dispose scope.</returns>
    public torch.Tensor Run(torch.Tensor images, string output, CancellationToken cancellationToken)
    {
        using var scope = torch.NewDisposeScope();
        var result = _graph.RunSingle(_input, images.contiguous(), output, cancellationToken);
        return (result.is_floating_point() && result.dtype != torch.float32 ? result.to(torch.float32) : result).MoveToOuterDisposeScope();
    }

    /// <summary>What messages call it.</summary>
    public string Name => _graph.Name;

    /// <summary>Whether an output is float32.</summary>
    public bool IsFloat32(string output) => _graph.Outputs.First(value => value.Name == output).Type == torch.ScalarType.Float32;

    /// <summary>Runs the network for several outputs, of whatever types they are.</summary>
    /// <param name="images">(N, C, H, W), float32.</param>
    /// <param name="outputs">Their names.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>The outputs by name; they join the caller's dispose scope.</returns>
    public IReadOnlyDictionary<string, torch.Tensor> Run(
        torch.Tensor images, IReadOnlyCollection<string> outputs, CancellationToken cancellationToken)
    {
        using var scope = torch.NewDisposeScope();
        var values = _graph.Run(new Dictionary<string, torch.Tensor> { [_input] = images.contiguous() }, outputs, cancellationToken);
        foreach (var value in values.Values) value.MoveToOuterDisposeScope();
        return values;
    }

    /// <inheritdoc/>
    public void Dispose() => _graph.Dispose();

    private static Network Load(
        Bundle bundle, BundleRole role, IEngine engine, ImageSpec? from, Func<InputFormat, InputFormat> change)
    {
        var (network, format) = bundle.LoadFreed(role);
        var (model, input) = InputConversion.OnPixels(network, change(format), from);
        var graph = engine.Load(model, Path.GetFileName(bundle.PathOf(role)));
        return new Network(format.Batch is { } batch ? new FixedBatchGraph(graph, input, batch) : graph, input, format);
    }
}
