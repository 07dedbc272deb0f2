using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;

namespace DiffeoNN.Onnx.Inference;

/// <summary>A bundle's networks, loaded once: models of several settings share them.</summary>
internal sealed class ModelNetworks : IDisposable
{
    private readonly Bundle _bundle;
    private readonly Lazy<OnnxEnergy> _energy;
    private readonly Lazy<OnnxEnergy> _withEntropy;
    private Network? _proposer;
    private InnerModel? _augmented;

    /// <summary>Loads what every run needs; proposer and augmented network follow when first asked for.</summary>
    public ModelNetworks(Bundle bundle, ExecutionOptions execution)
    {
        bundle.RequireEnergy();
        _bundle = bundle;
        Engine = Execution.Engine.Create(execution);
        Inner = InnerModel.Load(bundle, BundleRole.Inner, Engine);
        _energy = new Lazy<OnnxEnergy>(() => OnnxEnergy.FromBundle(bundle, Engine, withEntropy: false));
        _withEntropy = new Lazy<OnnxEnergy>(() => OnnxEnergy.FromBundle(bundle, Engine, withEntropy: true));
    }

    /// <summary>What runs them.</summary>
    public IEngine Engine { get; }

    /// <summary>The network that is wrapped.</summary>
    public InnerModel Inner { get; }

    /// <summary>The energy with the bundle's weights; loaded when first asked for.</summary>
    /// <param name="withEntropy">Whether the entropy of answers is a term: it costs runs of the network.</param>
    /// <exception cref="BundleException">A network has an operator without a gradient rule, or is malformed.</exception>
    /// <exception cref="GraphException">The engine cannot load it.</exception>
    public OnnxEnergy EnergyOf(bool withEntropy) => (withEntropy ? _withEntropy : _energy).Value;

    /// <summary>The network that proposes starts.</summary>
    /// <exception cref="BundleException">The bundle has none.</exception>
    public Network Proposer => _proposer ??= Network.OnImages(_bundle, BundleRole.Proposer, Engine);

    /// <summary>The network trained with deformations.</summary>
    /// <exception cref="BundleException">The bundle has none, or its answers are of another kind than the inner model's.</exception>
    public InnerModel Augmented => _augmented ??= LoadAugmented();

    /// <inheritdoc/>
    public void Dispose()
    {
        Inner.Dispose();
        foreach (var energy in new[] { _energy, _withEntropy }.Where(energy => energy.IsValueCreated)) energy.Value.Dispose();
        _proposer?.Dispose();
        _augmented?.Dispose();
    }

    private InnerModel LoadAugmented()
    {
        var models = _bundle.Manifest.Models;
        if (models.Augmented is { } augmented && augmented.Output.Kind != models.Inner.Output.Kind)
        {
            throw new BundleException(
                $"Bundle '{_bundle.Name}': augmented answers with {augmented.Output.Kind}, inner with {models.Inner.Output.Kind}; "
                + "they can only be compared if both are the same.");
        }

        return InnerModel.Load(_bundle, BundleRole.Augmented, Engine);
    }
}
