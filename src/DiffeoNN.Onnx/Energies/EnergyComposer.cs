using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Energies;

/// <summary>Composes a bundle's energy networks, their terms and weights into one graph, and derives its gradient by the pixels.</summary>
/// <remarks>
/// y holds pixel values; what turns them into what a network takes is part of the graph: the bundle's mean and std once for all networks
/// that take what the manifest's image says, the rest (other sizes, channels, layouts, ranges, types) for each by itself. Terms of each
/// image:
/// <list type="bullet">
/// <item>vae: sum over pixels of (y - reconstruction)^2, both in pixel values at the VAE's size, plus beta * KL, with
/// KL = 0.5 * sum(mu^2 + exp(logvar) - 1 - logvar); the latent stands at its posterior mean;</item>
/// <item>adversarial: the mean of the critic's output over all but the batch;</item>
/// <item>energy: the mean of the user's own graph's output over all but the batch;</item>
/// <item>entropy: the mean over pixels of the entropy, in nats, of the answer of the network itself; only where it has a weight.</item>
/// </list>
/// energy = weight_vae * vae + weight_adversarial * adversarial + weight_energy * energy + weight_entropy * entropy. No image's energy
/// depends on another image.
/// </remarks>
public static class EnergyComposer
{
    /// <summary>Input: images (N,C,H,W) in pixel values.</summary>
    public const string Input = "y";

    /// <summary>Output: weighted sum of the terms (N).</summary>
    public const string EnergyOutput = "energy";

    /// <summary>Output: the terms (N,T), not weighted.</summary>
    public const string TermsOutput = "terms";

    /// <summary>Output: derivative of each image's energy by its pixels (N,C,H,W).</summary>
    public const string GradientOutput = "y_grad";

    /// <summary>Input: weight of the divergence inside the VAE term.</summary>
    public const string BetaInput = "beta";

    private const string DifferentiatedOutput = "energy/differentiated";

    /// <summary>Composes the energy of a bundle.</summary>
    /// <param name="bundle">The bundle.</param>
    /// <returns>The graph with and without gradient.</returns>
    /// <exception cref="BundleException">A network has an operator without a gradient rule, or is malformed;
    /// the message names the file.</exception>
    public static ComposedEnergy Compose(Bundle bundle) => Compose(bundle, GradientTarget.Cpu);

    /// <summary>Composes the energy of a bundle for a device.</summary>
    /// <param name="bundle">The bundle.</param>
    /// <param name="target">What its gradient is to be fast on.</param>
    /// <returns>The graph with and without gradient.</returns>
    /// <exception cref="BundleException">A network has an operator without a gradient rule, or is malformed;
    /// the message names the file.</exception>
    public static ComposedEnergy Compose(Bundle bundle, GradientTarget target)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        return Compose(bundle, target, WeighsEntropy(bundle));
    }

    /// <summary>The same, with or without the entropy of the network's answers, which costs runs of the network.</summary>
    internal static ComposedEnergy Compose(Bundle bundle, GradientTarget target, bool withEntropy)
    {
        var networks = EnergyNetworks.Load(bundle, withEntropy);
        var graph = new EnergyGraph(bundle, networks);
        var valueModel = graph.Model.Copy();
        return Of(bundle, networks, graph, Differentiate(graph, networks, target), valueModel);
    }

    /// <summary>Composes the energy of a bundle for engines that differentiate by themselves.</summary>
    /// <param name="bundle">The bundle.</param>
    /// <returns>The graph without gradient, as both of its models.</returns>
    /// <exception cref="BundleException">A network is malformed; the message names the file.</exception>
    internal static ComposedEnergy ComposeValues(Bundle bundle) => ComposeValues(bundle, WeighsEntropy(bundle));

    /// <summary>The same, with or without the entropy of the network's answers.</summary>
    internal static ComposedEnergy ComposeValues(Bundle bundle, bool withEntropy)
    {
        var networks = EnergyNetworks.Load(bundle, withEntropy);
        var graph = new EnergyGraph(bundle, networks);
        return Of(bundle, networks, graph, graph.Model, graph.Model);
    }

    /// <summary>Whether the bundle's own settings give the entropy of answers a weight.</summary>
    internal static bool WeighsEntropy(Bundle bundle)
    {
        var search = bundle.Manifest.Search;
        var refined = (search.Refinement ?? new SearchSpec()).Over(search);
        return search.Entropy > 0 || (bundle.Has(BundleRole.Proposer) && refined is { Entropy: > 0, Steps: > 0 });
    }

    private static ComposedEnergy Of(
        Bundle bundle, EnergyNetworks networks, EnergyGraph graph, OnnxModel model, OnnxModel valueModel) => new(
        bundle.Name, bundle.Image, graph.TermNames,
        [.. graph.WeightInputs.Select(input => KeyValuePair.Create(input, EnergyGraph.ValueOf(input, bundle.Manifest.Search)))],
        bundle.Manifest.Search, model, valueModel)
        {
            Batch = networks.Batch,
        };

    /// <summary>Adds the gradient: compiled, plus what the user's own backward graph gives for the user's own term.</summary>
    private static OnnxModel Differentiate(EnergyGraph graph, EnergyNetworks networks, GradientTarget target)
    {
        if (graph.BackwardGradient is null) return Compile(graph.Model, EnergyOutput, networks, target);
        var model = graph.Model;
        var compiled = "";
        if (graph.CompiledEnergy is { } differentiated)
        {
            model = model.Copy();
            model.Graph.AddNode("Identity", [differentiated], DifferentiatedOutput);
            model.Graph.Outputs.Add(new OnnxValueInfo(DifferentiatedOutput, OnnxElementType.Float, [graph.Batch]));
            model = Compile(model, DifferentiatedOutput, networks, target);
            model.Graph.Outputs.RemoveAll(output => output.Name is DifferentiatedOutput or GradientOutput);
            compiled = "energy/gradient/compiled";
            Rename(model.Graph, GradientOutput, compiled);
        }

        graph.AddBackwardGraph(model, compiled, GradientOutput);
        return model;
    }

    private static OnnxModel Compile(OnnxModel model, string output, EnergyNetworks networks, GradientTarget target)
    {
        try
        {
            return GradientCompiler.Compile(model, new GradientOptions
            {
                Inputs = [Input],
                Outputs = [output],
                Seed = GradientSeed.Ones,
                Target = target,
            });
        }
        catch (GradientException error)
        {
            throw networks.Blame(error);
        }
    }

    private static void Rename(OnnxGraph graph, string from, string to)
    {
        foreach (var node in graph.Nodes.Where(node => node.Name == from)) node.Name = to;
        foreach (var names in graph.Nodes.SelectMany(node => new[] { node.Inputs, node.Outputs }))
        {
            for (var i = 0; i < names.Count; i++)
            {
                if (names[i] == from) names[i] = to;
            }
        }
    }
}
