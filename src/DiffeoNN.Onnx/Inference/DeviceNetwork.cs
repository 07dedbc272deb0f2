using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A network of a bundle that takes pixel values which lie on the device.</summary>
internal sealed class DeviceNetwork : IDisposable
{
    private readonly DeviceGraph _graph;
    private readonly string _input;

    private DeviceNetwork(DeviceGraph graph, string input) => (_graph, _input) = (graph, input);

    /// <summary>Loads a role's network for images of the bundle's size and channels.</summary>
    /// <param name="bundle">The bundle.</param>
    /// <param name="role">The role.</param>
    /// <param name="output">The output that will be asked for.</param>
    /// <param name="engine">Loads it.</param>
    /// <returns>The caller disposes it; null where the network's answers are not float32, where its batch is bound, or where a network that
    /// answers takes other pixels than those of the search.</returns>
    public static DeviceNetwork? Load(Bundle bundle, BundleRole role, string output, OnnxRuntimeEngine engine)
    {
        var (network, format) = bundle.LoadFreed(role);
        if (format.Batch is not null || (role != BundleRole.Proposer && format.HasOwnPixels)
            || network.Graph.Output(output).ElementType != OnnxElementType.Float)
        {
            return null;
        }

        var (model, input) = InputConversion.OnPixels(network, format, bundle.Image);
        return new DeviceNetwork(engine.LoadOnDevice(model, Path.GetFileName(bundle.PathOf(role))), input);
    }

    /// <summary>Runs the network.</summary>
    /// <param name="images">(N, C, H, W), float32.</param>
    /// <param name="output">Name of an output.</param>
    /// <param name="cancellationToken">Stops before the run.</param>
    public DeviceTensor Run(DeviceTensor images, string output, CancellationToken cancellationToken) =>
        _graph.RunSingle(new Dictionary<string, DeviceTensor> { [_input] = images }, output, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _graph.Dispose();
}
