using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>The pretrained network that is wrapped: pixel values in, probabilities, values, scores or points out.</summary>
public sealed class InnerModel : IDisposable
{
    private readonly Network _network;
    private readonly PredictorSpec _spec;
    private readonly SamplingGrid _grid;
    private readonly NetworkPixels _pixels;

    private InnerModel(Network network, PredictorSpec spec, ImageSpec image)
    {
        (_network, _spec) = (network, spec);
        _grid = new SamplingGrid(image.Height, image.Width);
        _pixels = new NetworkPixels(network.Format, image);
    }

    /// <summary>How the network takes images.</summary>
    public InputFormat Input => _network.Format;

    /// <summary>What the output means.</summary>
    public OutputSpec Output => _spec.Output;

    /// <summary>Loads the network of a role.</summary>
    /// <param name="bundle">Stays the caller's.</param>
    /// <param name="role"><see cref="BundleRole.Inner"/> or <see cref="BundleRole.Augmented"/>.</param>
    /// <param name="engine">Runs it.</param>
    /// <exception cref="ArgumentException">The role is no predictor.</exception>
    /// <exception cref="BundleException">The bundle lacks the role.</exception>
    /// <exception cref="GraphException">The engine cannot load the file.</exception>
    public static InnerModel Load(Bundle bundle, BundleRole role, IEngine engine)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(engine);
        if (role is not (BundleRole.Inner or BundleRole.Augmented))
            throw new ArgumentException(
                $"Role {role} is no predictor; expected {BundleRole.Inner} or {BundleRole.Augmented}.", nameof(role));
        var network = Network.OnOwnPixels(bundle, role, engine);
        return new InnerModel(network, (PredictorSpec)bundle.Manifest.Models[role]!, bundle.Image);
    }

    /// <summary>Runs the network and its activation.</summary>
    /// <param name="images">Pixel values in [0, 1], float32, shape (N, C, H, W) of the network (<see cref="Input"/>), or of the bundle,
    /// from which a network with a size or channels of its own gets them resized; left untouched.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>The network's output after its activation, float32; the caller disposes it.</returns>
    /// <exception cref="GraphException">The images do not fit the network.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public torch.Tensor Run(torch.Tensor images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var isOwn = images.dim() == 4 && (images.size(1), images.size(2), images.size(3)) == (Input.Channels, Input.Height, Input.Width);
        var output = _network.Run(isOwn ? images : _pixels.Of(images), _spec.Output.Name, cancellationToken);
        return InUnitOfBundle(Activate(output, _spec.Output.Activation)).MoveToOuterDisposeScope();
    }

    /// <summary>Points in half the longest side of the network's image as points in half the longest side of the bundle's.</summary>
    private torch.Tensor InUnitOfBundle(torch.Tensor output)
    {
        if (_spec.Output.Kind != OutputKind.Points || (Input.Height, Input.Width) == (_grid.Height, _grid.Width)) return output;
        var own = new SamplingGrid(Input.Height, Input.Width);
        float[] scale = [(float)(_grid.HalfWidth / own.HalfWidth), (float)(_grid.HalfHeight / own.HalfHeight)];
        return output * torch.tensor(scale, device: output.device);
    }

    /// <summary>A network's output to what it means; classes are the second dimension.</summary>
    internal static torch.Tensor Activate(torch.Tensor output, OutputActivation activation) => activation switch
    {
        OutputActivation.Softmax => torch.nn.functional.softmax(output, 1),
        OutputActivation.Sigmoid => torch.sigmoid(output),
        _ => output,
    };

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();
}
