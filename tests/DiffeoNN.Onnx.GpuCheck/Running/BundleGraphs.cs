using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>The graphs of a bundle, as the library loads them.</summary>
internal sealed class BundleGraphs
{
    private readonly Bundle _bundle;
    private readonly ComposedEnergy _energy;
    private readonly GradientTarget _target;

    /// <param name="models">The folder with the bundles.</param>
    /// <param name="name">The bundle's folder.</param>
    /// <param name="target">What gradients are to be fast on.</param>
    /// <exception cref="BundleException">It is not there or malformed.</exception>
    public BundleGraphs(string models, string name, Target target)
    {
        _bundle = Bundle.Load(Path.Combine(models, name));
        _target = target.Selection.GradientTarget;
        _energy = EnergyComposer.Compose(_bundle, _target);
    }

    /// <summary>Shape of a batch of its images.</summary>
    public long[] Shape(int batch) => [batch, _bundle.Image.Channels, _bundle.Image.Height, _bundle.Image.Width];

    /// <summary>The energy and its gradient by the pixels.</summary>
    public NamedGraph EnergyGradient => new($"{_bundle.Name} energy gradient", _energy.Model, EnergyInputs);

    /// <summary>The energy alone.</summary>
    public NamedGraph Energy => new($"{_bundle.Name} energy", _energy.ValueModel, EnergyInputs);

    /// <summary>The network that is wrapped.</summary>
    public NamedGraph Inner => Network(BundleRole.Inner);

    /// <summary>The wrapped network and the gradient of the sum of its answers by the pixels.</summary>
    public NamedGraph InnerGradient
    {
        get
        {
            var file = _bundle.Manifest.Models.Inner;
            var model = GradientCompiler.Compile(
                _bundle.LoadModel(BundleRole.Inner),
                new GradientOptions
                {
                    Inputs = [file.Input.Name], Outputs = [file.Output.Name], Seed = GradientSeed.Ones, Target = _target,
                });
            return new($"{_bundle.Name} inner gradient", model, Images(file.Input.Name));
        }
    }

    /// <summary>The networks other than the energy's that are there, and the VAE by itself.</summary>
    public IEnumerable<NamedGraph> Networks =>
        new[] { BundleRole.Inner, BundleRole.Proposer, BundleRole.Vae }.Where(_bundle.Has).Select(Network);

    /// <summary>The scalar inputs of the energy, by the bundle's weights.</summary>
    public IEnumerable<OnnxTensor> Weights => _energy.WeightInputs.Select(input => OnnxTensor.Scalar(input.Key, (float)input.Value));

    private NamedGraph Network(BundleRole role) =>
        new(
            $"{_bundle.Name} {role.ToString().ToLowerInvariant()}", _bundle.LoadModel(role),
            Images(_bundle.Manifest.Models[role]!.Input.Name));

    private IReadOnlyList<OnnxTensor> EnergyInputs(int batch, Random random) =>
        [.. Images(EnergyComposer.Input)(batch, random), .. Weights];

    private Func<int, Random, IReadOnlyList<OnnxTensor>> Images(string input) =>
        (batch, random) => [Drawn.Uniform(input, random, 0, 1, Shape(batch))];
}
