using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Search;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Energies;

/// <summary>The energy of a bundle: one composed ONNX graph that gives energies, terms and the gradient by the pixels.</summary>
/// <remarks>Owns its graphs and tensors. Not safe for concurrent use beyond what its <see cref="IGraph"/> allows.</remarks>
public sealed class OnnxEnergy : IEnergy, IDisposable
{
    private readonly IGraph _graph;
    private readonly Lazy<IGraph> _valueGraph;
    private readonly ImageSpec _image;
    private readonly string _name;
    private readonly bool _ownsGraphs;
    private readonly Dictionary<string, Tensor> _weights = [];

    /// <summary>Creates the energy from composed graphs.</summary>
    /// <param name="graph">Runs the composed model with its gradient; owned.</param>
    /// <param name="valueGraph">Loads the composed model without its gradient when first needed, since engines compute all of a
    /// graph, asked for or not; owned.</param>
    /// <param name="energy">The composed model both come from.</param>
    /// <param name="shared">Weights of the graphs; owned.</param>
    internal OnnxEnergy(IGraph graph, Func<IGraph> valueGraph, ComposedEnergy energy, SharedWeights? shared = null)
    {
        Shared = shared;
        _graph = graph;
        _valueGraph = new Lazy<IGraph>(valueGraph);
        _ownsGraphs = true;
        _image = energy.Image;
        _name = energy.Name;
        Batch = energy.Batch;
        TermNames = energy.TermNames;
        Weights = energy.Weights;
        foreach (var (input, weight) in energy.WeightInputs)
            _weights[input] = tensor((float)weight).DetachFromDisposeScope();
    }

    private OnnxEnergy(OnnxEnergy graphs, SearchSpec weights)
    {
        (_graph, _valueGraph, _image, _name, TermNames, Shared) =
            (graphs._graph, graphs._valueGraph, graphs._image, graphs._name, graphs.TermNames, graphs.Shared);
        (Weights, Batch, KeepsImagesApart) = (weights, graphs.Batch, graphs.KeepsImagesApart);
        foreach (var input in graphs._weights.Keys)
            _weights[input] = tensor((float)EnergyGraph.ValueOf(input, weights)).DetachFromDisposeScope();
    }

    /// <summary>Composes, differentiates and loads the energy of a bundle.</summary>
    /// <param name="bundle">The bundle.</param>
    /// <param name="engine">Runs the graphs. One that differentiates by itself (<see cref="IDifferentiatingEngine"/>) needs no gradient
    /// rules, and no backward graph of the user's own.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="BundleException">A network has an operator without a gradient rule, or the user's own backward graph is not its
    /// gradient; the message names the file.</exception>
    /// <exception cref="GraphException">The engine cannot load the composed graph.</exception>
    public static OnnxEnergy FromBundle(Bundle bundle, IEngine engine)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(engine);
        return FromBundle(bundle, engine, EnergyComposer.WeighsEntropy(bundle));
    }

    /// <summary>The same, with or without the entropy of the network's answers.</summary>
    internal static OnnxEnergy FromBundle(Bundle bundle, IEngine engine, bool withEntropy)
    {
        var title = $"{bundle.Name}/energy";
        if (engine is IDifferentiatingEngine differentiating)
        {
            var values = EnergyComposer.ComposeValues(bundle, withEntropy);
            var graph = differentiating.LoadDifferentiable(values.ValueModel, title);
            var gradient = new DifferentiatedGraph(
                graph, EnergyComposer.Input, EnergyComposer.EnergyOutput, EnergyComposer.GradientOutput);
            return new OnnxEnergy(AnyBatch(gradient, values), () => AnyBatch(graph, values), values);
        }

        BackwardGraphCheck.Check(bundle, engine);
        var energy = EnergyComposer.Compose(bundle, engine.Device.GradientTarget, withEntropy);
        var (model, valueModel) = (energy.Model, energy.ValueModel);
        if (engine is not OnnxRuntimeEngine runtime)
            return new OnnxEnergy(
                AnyBatch(engine.Load(model, title), energy), () => AnyBatch(engine.Load(valueModel, title), energy), energy);
        // Both graphs, and those of a search by graphs, have the networks' weights.
        var weights = new SharedWeights(valueModel);
        try
        {
            return new OnnxEnergy(
                AnyBatch(runtime.Load(model, title, weights), energy),
                () => AnyBatch(runtime.Load(valueModel, title, weights), energy), energy, weights)
            {
                KeepsImagesApart = energy.Batch is null or 1,
            };
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Size of the batch that a network binds the graphs to: images are run in batches of it; null where it is free.</summary>
    internal int? Batch { get; }

    /// <summary>Whether an image has the same bits whoever shares its batch, on the CPU. ONNX Runtime's kernels work image by image,
    /// forward and backward; libtorch's add up in an order that goes by the size of the batch, and a network that is bound to a batch of
    /// several images may mix them.</summary>
    internal bool KeepsImagesApart { get; private init; }

    /// <inheritdoc/>
    public IReadOnlyList<string> TermNames { get; }

    /// <summary>The weights <see cref="EnergyEvaluation.Energy"/> is the sum by.</summary>
    public SearchSpec Weights { get; }

    /// <summary>The networks' weights, for sessions that end before this does; null where the engine has none to share.</summary>
    internal SharedWeights? Shared { get; }

    /// <summary>The same graphs with other weights.</summary>
    /// <param name="weights">Those of roles that are not there have no effect.</param>
    /// <returns>The caller disposes it before this one, which keeps the graphs.</returns>
    public OnnxEnergy WithWeights(SearchSpec weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return new OnnxEnergy(this, weights);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException"><paramref name="images"/> has another shape or type than the bundle's images.</exception>
    public EnergyEvaluation Evaluate(Tensor images, bool withGradient = true, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        Check(images);
        using var scope = NewDisposeScope();
        var inputs = new Dictionary<string, Tensor>(_weights) { [EnergyComposer.Input] = images.contiguous() };
        var outputs = (withGradient ? _graph : _valueGraph.Value).Run(
            inputs,
            withGradient
                ? [EnergyComposer.EnergyOutput, EnergyComposer.TermsOutput, EnergyComposer.GradientOutput]
                : [EnergyComposer.EnergyOutput, EnergyComposer.TermsOutput],
            cancellationToken);
        return new EnergyEvaluation(
            Release(EnergyComposer.EnergyOutput),
            Release(EnergyComposer.TermsOutput),
            withGradient ? Release(EnergyComposer.GradientOutput) : null);

        Tensor Release(string output) => outputs[output].MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsGraphs)
        {
            _graph.Dispose();
            if (_valueGraph.IsValueCreated) _valueGraph.Value.Dispose();
            Shared?.Dispose();
        }

        foreach (var weight in _weights.Values) weight.Dispose();
    }

    private static IGraph AnyBatch(IGraph graph, ComposedEnergy energy) =>
        energy.Batch is { } batch ? new FixedBatchGraph(graph, EnergyComposer.Input, batch) : graph;

    private void Check(Tensor images)
    {
        var shape = images.shape;
        if (shape.Length != 4 || shape[0] < 1 || shape[1] != _image.Channels || shape[2] != _image.Height || shape[3] != _image.Width)
        {
            throw new ArgumentException(
                $"images have shape ({string.Join(", ", shape)}); the energy of '{_name}' needs "
                + $"(N, {_image.Channels}, {_image.Height}, {_image.Width}).", nameof(images));
        }

        if (images.dtype != ScalarType.Float32)
            throw new ArgumentException($"images are {images.dtype.ToString().ToLowerInvariant()}; the energy of '{_name}' needs float32.",
                nameof(images));
    }
}
