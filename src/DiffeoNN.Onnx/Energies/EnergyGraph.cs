using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Energies;

/// <summary>Builds the forward part of the composed energy.</summary>
internal sealed class EnergyGraph
{
    private readonly Bundle bundle;
    private readonly EnergyNetworks networks;
    private readonly OnnxGraph graph;
    private readonly List<string> termNames = [];
    private readonly List<KeyValuePair<string, double>> weightInputs = [];

    public EnergyGraph(Bundle bundle, EnergyNetworks networks)
    {
        this.bundle = bundle;
        this.networks = networks;
        Model = new OnnxModel { IrVersion = networks.All.Max(model => Math.Max(8, model.IrVersion)), ProducerName = "DiffeoNN.Onnx" };
        foreach (var (domain, version) in networks.All.SelectMany(model => model.OpsetImports))
            Model.OpsetImports[domain] = Math.Max(version, Model.OpsetImports.GetValueOrDefault(domain));
        foreach (var model in new[] { networks.Vae, networks.Critic, networks.Energy }.OfType<OnnxModel>())
            Model.Functions.AddRange(model.Functions);
        graph = Model.Graph;
        graph.Name = "energy";
        var image = bundle.Image;
        OnnxDimension[] shape = ["N", image.Channels, image.Height, image.Width];
        graph.Inputs.Add(new OnnxValueInfo(EnergyComposer.Input, OnnxElementType.Float, shape));
        Build();
    }

    /// <summary>y and weights to energy and terms.</summary>
    public OnnxModel Model { get; }

    public IReadOnlyList<string> TermNames => termNames;

    public IReadOnlyList<KeyValuePair<string, double>> WeightInputs => weightInputs;

    /// <summary>Value (N): the part of the energy whose gradient has to be compiled; null if there is none.</summary>
    public string? CompiledEnergy { get; private set; }

    /// <summary>The user's own backward graph's output; null if there is no such graph.</summary>
    public string? BackwardGradient => bundle.Manifest.Models.Energy?.Gradient?.Output;

    /// <summary>Adds the user's own backward graph: y_grad = what was compiled + weight_energy * its output / std.</summary>
    /// <param name="model">The composed model, which still has the values made here.</param>
    /// <param name="compiled">The compiled gradient of the other terms; empty if there is none.</param>
    /// <param name="output">Name of the sum.</param>
    public void AddBackwardGraph(OnnxModel model, string compiled, string output)
    {
        var spec = bundle.Manifest.Models.Energy!.Gradient!;
        var target = model.Graph;
        model.Functions.AddRange(networks.Backward!.Functions);
        foreach (var (domain, version) in networks.Backward.OpsetImports) model.OpsetImports.TryAdd(domain, version);
        var gradient = Append(target, networks.Backward, "own.gradient/", spec.Input)[spec.Output];
        var weighted = target.AddNode("Mul", ["weight_energy", gradient], "energy/gradient/weighted");
        if (!bundle.Image.IsIdentity())
            weighted = target.AddNode("Div", [weighted, PerChannel(target, "energy/image/std", bundle.Image.Std)], "energy/gradient/pixels");
        if (compiled.Length > 0)
            target.AddNode("Add", [compiled, weighted], output);
        else
            target.AddNode("Identity", [weighted], output);
        target.Outputs.Add(target.Input(EnergyComposer.Input) with { Name = output });
    }

    private void Build()
    {
        var models = bundle.Manifest.Models;
        Preprocess();
        var weighted = new List<string>();
        var compiled = new List<string>();
        var columns = new List<string>();
        if (models.Vae is { } vae)
        {
            AddWeight("weight_vae", bundle.EnergyWeights.Vae);
            Term("vae", "weight_vae", VaeTerm(vae), true);
        }

        if (models.Critic is { } critic)
        {
            var score = Append(graph, networks.Critic!, "critic/", critic.Input)[critic.Output];
            AddWeight("weight_adversarial", bundle.EnergyWeights.Adversarial);
            Term("adversarial", "weight_adversarial", MeanOfImage(score, "energy/adversarial/term"), true);
        }

        if (models.Energy is { } own)
        {
            var value = Append(graph, networks.Energy!, "own/", own.Input)[own.Output];
            AddWeight("weight_energy", bundle.EnergyWeights.Energy);
            Term("energy", "weight_energy", MeanOfImage(value, "energy/energy/term"), own.Gradient is null);
        }

        graph.AddNode("Concat", columns, EnergyComposer.TermsOutput, OnnxAttribute.Of("axis", 1L));
        graph.AddNode("Identity", [Sum(weighted, "energy/weighted")], EnergyComposer.EnergyOutput);
        if (compiled.Count > 0) CompiledEnergy = Sum(compiled, "energy/compiled");
        graph.Outputs.Add(new OnnxValueInfo(EnergyComposer.EnergyOutput, OnnxElementType.Float, ["N"]));
        graph.Outputs.Add(new OnnxValueInfo(EnergyComposer.TermsOutput, OnnxElementType.Float, ["N", columns.Count]));

        void Term(string name, string weightName, string term, bool isCompiled)
        {
            termNames.Add(name);
            columns.Add(term);
            weighted.Add(graph.AddNode("Mul", [weightName, term], $"energy/{name}/weighted"));
            if (isCompiled) compiled.Add(weighted[^1]);
        }
    }

    /// <summary>What the networks see: (y - mean) / std.</summary>
    private void Preprocess()
    {
        if (bundle.Image.IsIdentity()) return;
        var centred = graph.AddNode(
            "Sub", [EnergyComposer.Input, PerChannel(graph, "energy/image/mean", bundle.Image.Mean)], "energy/image/centred");
        graph.AddNode("Div", [centred, PerChannel(graph, "energy/image/std", bundle.Image.Std)], "energy/image/normalised");
    }

    private string VaeTerm(VaeSpec spec)
    {
        AddWeight(EnergyComposer.BetaInput, bundle.EnergyWeights.Beta);
        var outputs = Append(graph, networks.Vae!, "vae/", spec.Input);
        var (mean, logVariance) = (outputs[spec.Mean], outputs[spec.LogVariance]);

        var difference = graph.AddNode("Sub", [EnergyComposer.Input, outputs[spec.Reconstruction]], "energy/vae/difference");
        var squared = graph.AddNode("Mul", [difference, difference], "energy/vae/squared");
        var reconstruction = SumOfImage(squared, "energy/vae/reconstruction_error");

        var one = graph.AddInitializer(OnnxTensor.Scalar("energy/one", 1f));
        var half = graph.AddInitializer(OnnxTensor.Scalar("energy/half", 0.5f));
        var meanSquared = graph.AddNode("Mul", [mean, mean], "energy/vae/mean_squared");
        var variance = graph.AddNode("Exp", [logVariance], "energy/vae/variance");
        var excess = graph.AddNode("Sub", [graph.AddNode("Sub", [variance, one], "energy/vae/variance_less_one"), logVariance], "energy/vae/excess");
        var both = SumOfImage(graph.AddNode("Add", [meanSquared, excess], "energy/vae/divergences"), "energy/vae/divergence_doubled");
        var divergence = graph.AddNode("Mul", [half, both], "energy/vae/divergence");
        var scaled = graph.AddNode("Mul", [EnergyComposer.BetaInput, divergence], "energy/vae/divergence_scaled");
        return graph.AddNode("Add", [reconstruction, scaled], "energy/vae/term");
    }

    private void AddWeight(string name, double value)
    {
        weightInputs.Add(new(name, value));
        graph.Inputs.Add(new OnnxValueInfo(name, OnnxElementType.Float, []));
    }

    private IReadOnlyDictionary<string, string> Append(OnnxGraph target, OnnxModel network, string prefix, string input)
    {
        var image = bundle.Image.IsIdentity() ? EnergyComposer.Input : "energy/image/normalised";
        return target.Append(network.Graph, prefix, new Dictionary<string, string> { [input] = image });
    }

    /// <summary>Sum over all but the batch, (N, 1).</summary>
    private string SumOfImage(string value, string name)
    {
        var flat = graph.AddNode("Flatten", [value], $"{name}/flat", OnnxAttribute.Of("axis", 1L));
        return graph.AddNode("ReduceSum", [flat, graph.AddInitializer(OnnxTensor.Int64s("energy/axis", 1))], name);
    }

    /// <summary>Mean over all but the batch, (N, 1); the axes became an input in version 18.</summary>
    private string MeanOfImage(string value, string name)
    {
        var flat = graph.AddNode("Flatten", [value], $"{name}/flat", OnnxAttribute.Of("axis", 1L));
        return networks.Opset >= 18
            ? graph.AddNode("ReduceMean", [flat, graph.AddInitializer(OnnxTensor.Int64s("energy/axis", 1))], name)
            : graph.AddNode("ReduceMean", [flat], name, OnnxAttribute.Of("axes", [1L]));
    }

    /// <summary>Sum of values (N, 1) as (N).</summary>
    private string Sum(List<string> values, string name)
    {
        var sum = values[0];
        for (var i = 1; i < values.Count; i++) sum = graph.AddNode("Add", [sum, values[i]], $"{name}/{i}");
        return graph.AddNode("Squeeze", [sum, graph.AddInitializer(OnnxTensor.Int64s("energy/axis", 1))], name);
    }

    private static string PerChannel(OnnxGraph target, string name, IReadOnlyList<double> values) => target.AddInitializer(
        OnnxTensor.FromDoubles(name, OnnxElementType.Float, [1, values.Count, 1, 1], [.. values]));
}
