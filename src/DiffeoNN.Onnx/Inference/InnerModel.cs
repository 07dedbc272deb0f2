using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>The pretrained network that is wrapped: pixel values in, answers out.</summary>
public sealed class InnerModel : IDisposable
{
    private readonly Network _network;
    private readonly PredictorSpec _spec;
    private readonly NetworkPixels _pixels;
    private readonly OutputReader _outputs;

    private InnerModel(Network network, PredictorSpec spec, ImageSpec image)
    {
        (_network, _spec) = (network, spec);
        _pixels = new NetworkPixels(network.Format, image);
        var (own, canonical) = (new SamplingGrid(network.Format.Height, network.Format.Width), new SamplingGrid(image.Height, image.Width));
        _outputs = new OutputReader(network.Name, spec.Outputs, new OutputGrids(own, canonical));
    }

    /// <summary>How the network takes images.</summary>
    public InputFormat Input => _network.Format;

    /// <summary>What the output means, or the first of several.</summary>
    public OutputSpec Output => _spec.Output;

    /// <summary>What the outputs mean.</summary>
    public IReadOnlyList<OutputSpec> Outputs => _spec.Outputs;

    /// <summary>Whether the first output is float32.</summary>
    internal bool IsFloat32 => _network.IsFloat32(_spec.Output.Name);

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
    /// <returns>The first output after its activation, float32, arranged as its kind is: planes (N, K, H, W) of the bundle's size, numbers
    /// (N, K), points (N, P, 2), opposite corners of boxes (N, 2B, 2); the caller disposes it.</returns>
    /// <exception cref="GraphException">The images do not fit the network, or its output is not what the manifest says.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public torch.Tensor Run(torch.Tensor images, CancellationToken cancellationToken = default)
    {
        using var scope = torch.NewDisposeScope();
        return Answers(images, cancellationToken)[0][0].MoveToOuterDisposeScope();
    }

    /// <summary>As <see cref="Run"/>, for all outputs and their parts; in the caller's scope.</summary>
    internal IReadOnlyList<torch.Tensor[]> Answers(torch.Tensor images, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(images);
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var isOwn = images.dim() == 4 && (images.size(1), images.size(2), images.size(3)) == (Input.Channels, Input.Height, Input.Width);
        var pixels = isOwn ? images : _pixels.Of(images);
        var answers = _outputs.Read(_network.Run(pixels, _outputs.Tensors, cancellationToken));
        foreach (var part in answers.SelectMany(parts => parts)) part.MoveToOuterDisposeScope();
        return answers;
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();
}
