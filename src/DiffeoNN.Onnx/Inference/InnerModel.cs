using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>The pretrained network that is wrapped: pixel values in, probabilities, values, scores or points out.</summary>
public sealed class InnerModel : IDisposable
{
    private readonly IGraph _graph;
    private readonly PredictorSpec _spec;
    private readonly Preprocessing _preprocessing;

    private InnerModel(IGraph graph, PredictorSpec spec, Preprocessing preprocessing)
    {
        _graph = graph;
        _spec = spec;
        _preprocessing = preprocessing;
    }

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
        var graph = bundle.LoadGraph(role, engine);
        return new InnerModel(graph, (PredictorSpec)bundle.Manifest.Models[role]!, new Preprocessing(bundle.Image));
    }

    /// <summary>Runs the network and its activation.</summary>
    /// <param name="images">Pixel values in [0, 1], shape (N, C, H, W) of the bundle, float32; left untouched.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>The network's output after its activation, float32; the caller disposes it.</returns>
    /// <exception cref="GraphException">The images do not fit the network.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public torch.Tensor Run(torch.Tensor images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var output = _graph.RunSingle(_spec.Input, _preprocessing.Apply(images), _spec.Output.Name, cancellationToken);
        return Activate(output, _spec.Output.Activation).MoveToOuterDisposeScope();
    }

    /// <summary>A network's output to what it means; classes are the second dimension.</summary>
    internal static torch.Tensor Activate(torch.Tensor output, OutputActivation activation) => activation switch
    {
        OutputActivation.Softmax => torch.nn.functional.softmax(output, 1),
        OutputActivation.Sigmoid => torch.sigmoid(output),
        _ => output,
    };

    /// <inheritdoc/>
    public void Dispose() => _graph.Dispose();
}
