using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Energies;

/// <summary>The energy networks of a bundle, brought to one operator set version.</summary>
internal sealed class EnergyNetworks
{
    /// <summary>What the compiler raises older graphs to; graphs appended afterwards must agree.</summary>
    private const int LeastOpset = GradientCompiler.MinimumOpset;

    private readonly Bundle _bundle;

    private readonly Dictionary<BundleRole, InputFormat> _formats = [];

    private EnergyNetworks(Bundle bundle) => _bundle = bundle;

    public OnnxModel? Vae { get; private init; }

    public OnnxModel? Critic { get; private init; }

    public OnnxModel? Energy { get; private init; }

    /// <summary>The network whose answers are asked for their entropy.</summary>
    public OnnxModel? Inner { get; private init; }

    /// <summary>The user's own backward graph of <see cref="Energy"/>.</summary>
    public OnnxModel? Backward { get; private init; }

    /// <summary>Those that are there.</summary>
    public IEnumerable<OnnxModel> All => new[] { Vae, Critic, Energy, Inner, Backward }.OfType<OnnxModel>();

    public int Opset => All.First().Opset;

    /// <summary>Size of the batch that networks are bound to; null where all are free.</summary>
    public int? Batch { get; private set; }

    /// <summary>Whether the network of a role takes part.</summary>
    public bool Has(BundleRole role) => _formats.ContainsKey(role);

    /// <summary>How the network of a role takes images.</summary>
    public InputFormat FormatOf(BundleRole role) => _formats[role];

    public static EnergyNetworks Load(Bundle bundle, bool withEntropy)
    {
        bundle.RequireEnergy();
        var (vae, critic, energy) = (Read(BundleRole.Vae), Read(BundleRole.Critic), Read(BundleRole.Energy));
        var inner = withEntropy ? Read(BundleRole.Inner) : null;
        var backward = bundle.LoadBackwardGraph();
        var opset = new[] { vae, critic, energy, inner, backward }.OfType<OnnxModel>().Select(model => model.Opset)
            .Append(LeastOpset).Max();
        var networks = new EnergyNetworks(bundle)
        {
            Vae = Convert(vae, BundleRole.Vae),
            Critic = Convert(critic, BundleRole.Critic),
            Energy = Convert(energy, BundleRole.Energy),
            Inner = Convert(inner, BundleRole.Inner),
            Backward = Convert(backward, BundleRole.Energy, "gradient."),
        };
        networks.FindFormats();
        return networks;

        OnnxModel? Read(BundleRole role) => bundle.Has(role) ? bundle.LoadFreed(role).Model : null;

        OnnxModel? Convert(OnnxModel? model, BundleRole role, string prefix = "")
        {
            if (model is null) return null;
            try
            {
                var converted = OpsetConverter.Convert(model, opset);
                DropSymbols(converted.Graph);
                FunctionDomains.Prefix(converted, $"{prefix}{BundleValidator.Title(role)}.");
                return converted;
            }
            catch (GradientException error)
            {
                throw Refuse(bundle, role, error);
            }
        }
    }

    /// <summary>Finds the network that has no gradient by itself; what only the whole graph shows is told of the whole.</summary>
    public BundleException Blame(GradientException whole)
    {
        foreach (var (role, model, outputs) in Outputs())
        {
            try
            {
                _ = GradientCompiler.Compile(model, new GradientOptions
                {
                    Inputs = [_bundle.Manifest.Models[role]!.Input.Name],
                    Outputs = outputs,
                    Seed = GradientSeed.Input,
                });
            }
            catch (GradientException error)
            {
                return Refuse(_bundle, role, error);
            }
        }

        return new BundleException($"Bundle '{_bundle.Name}': the energy has no gradient: {whole.Message}", whole);
    }

    private void FindFormats()
    {
        (BundleRole, OnnxModel?)[] networks =
            [(BundleRole.Vae, Vae), (BundleRole.Critic, Critic), (BundleRole.Energy, Energy), (BundleRole.Inner, Inner)];
        foreach (var (role, model) in networks)
        {
            if (model is null) continue;
            var format = _formats[role] = _bundle.InputOf(role, model);
            if (format.Batch is not { } batch) continue;
            if (Batch is { } other && other != batch)
            {
                throw new BundleException(
                    $"Bundle '{_bundle.Name}': {BundleValidator.Title(role)} takes batches of {batch}, another energy network batches of "
                    + $"{other}, and both are one graph; export one of them with a free first dimension (dynamic_axes or dynamic_shapes).");
            }

            Batch = batch;
        }
    }

    /// <summary>Networks exported apart use one symbol for different sizes ("dim_1"), which must not meet in one graph.</summary>
    private static void DropSymbols(OnnxGraph graph)
    {
        var infos = graph.ValueInfos.ConvertAll(value => value with
        {
            Shape = value.Shape?.Select(size => size.Size is null ? OnnxDimension.Unknown : size).ToArray(),
        });
        graph.ValueInfos.Clear();
        graph.ValueInfos.AddRange(infos);
    }

    private static BundleException Refuse(Bundle bundle, BundleRole role, GradientException error) =>
        new ModelPlace(bundle, bundle.Manifest.Models[role]!, BundleValidator.Title(role)).Refuse(error.Message, error);

    private IEnumerable<(BundleRole Role, OnnxModel Model, string[] Outputs)> Outputs()
    {
        var models = _bundle.Manifest.Models;
        if (models.Vae is { } vae) yield return (BundleRole.Vae, Vae!, [vae.Reconstruction, vae.Mean, vae.LogVariance]);
        if (models.Critic is { } critic) yield return (BundleRole.Critic, Critic!, [critic.Output]);
        if (models.Energy is { Gradient: null } energy) yield return (BundleRole.Energy, Energy!, [energy.Output]);
        if (Inner is not null) yield return (BundleRole.Inner, Inner, [models.Inner.Output.Name]);
    }
}
