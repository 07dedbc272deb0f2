using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Energies;

/// <summary>Builds the forward part of the composed energy.</summary>
internal sealed class EnergyGraph
{
    private const string WeightPrefix = "weight_";
    private const string VaeWeight = $"{WeightPrefix}vae";
    private const string AdversarialWeight = $"{WeightPrefix}adversarial";
    private const string EnergyWeight = $"{WeightPrefix}energy";
    private const string EntropyWeight = $"{WeightPrefix}entropy";

    private readonly Bundle _bundle;
    private readonly EnergyNetworks _networks;
    private readonly OnnxGraph _graph;
    private readonly List<string> _termNames = [];
    private readonly List<string> _weightInputs = [];

    public EnergyGraph(Bundle bundle, EnergyNetworks networks)
    {
        _bundle = bundle;
        _networks = networks;
        Model = new OnnxModel { IrVersion = networks.All.Max(model => Math.Max(8, model.IrVersion)), ProducerName = "DiffeoNN.Onnx" };
        foreach (var (domain, version) in networks.All.SelectMany(model => model.OpsetImports))
            Model.OpsetImports[domain] = Math.Max(version, Model.OpsetImports.GetValueOrDefault(domain));
        foreach (var model in new[] { networks.Vae, networks.Critic, networks.Energy, networks.Inner }.OfType<OnnxModel>())
            Model.Functions.AddRange(model.Functions);
        _graph = Model.Graph;
        _graph.Name = "energy";
        var image = bundle.Image;
        OnnxDimension[] shape = [Batch, image.Channels, image.Height, image.Width];
        _graph.Inputs.Add(new OnnxValueInfo(EnergyComposer.Input, OnnxElementType.Float, shape));
        Build();
    }

    /// <summary>Size of the batch, free where no network binds it.</summary>
    public OnnxDimension Batch => _networks.Batch is { } batch ? OnnxDimension.Of(batch) : "N";

    /// <summary>The value of a scalar input.</summary>
    public static double ValueOf(string input, SearchSpec weights) => weights.WeightOf(
        input.StartsWith(WeightPrefix, StringComparison.Ordinal) ? input[WeightPrefix.Length..] : input);

    /// <summary>y and weights to energy and terms.</summary>
    public OnnxModel Model { get; }

    public IReadOnlyList<string> TermNames => _termNames;

    /// <summary>The scalar inputs.</summary>
    public IReadOnlyList<string> WeightInputs => _weightInputs;

    /// <summary>Value (N): the part of the energy whose gradient has to be compiled; null if there is none.</summary>
    public string? CompiledEnergy { get; private set; }

    /// <summary>The user's own backward graph's output; null if there is no such graph.</summary>
    public string? BackwardGradient => _bundle.Manifest.Models.Energy?.Gradient?.Output;

    /// <summary>Adds the user's own backward graph: y_grad = what was compiled + weight_energy * its output / std.</summary>
    /// <param name="model">The composed model, which still has the values made here.</param>
    /// <param name="compiled">The compiled gradient of the other terms; empty if there is none.</param>
    /// <param name="output">Name of the sum.</param>
    public void AddBackwardGraph(OnnxModel model, string compiled, string output)
    {
        var spec = _bundle.Manifest.Models.Energy!.Gradient!;
        var target = model.Graph;
        model.Functions.AddRange(_networks.Backward!.Functions);
        foreach (var (domain, version) in _networks.Backward.OpsetImports) model.OpsetImports.TryAdd(domain, version);
        var gradient = Append(target, _networks.Backward, "own.gradient/", spec.Input, Normalised)[spec.Output];
        var weighted = target.AddNode("Mul", [EnergyWeight, gradient], "energy/gradient/weighted");
        if (!_bundle.Image.IsIdentity())
            weighted = target.AddNode("Div", [weighted, PerChannel(target, "energy/image/std", _bundle.Image.Std)],
                "energy/gradient/pixels");
        if (compiled.Length > 0)
            target.AddNode("Add", [compiled, weighted], output);
        else
            target.AddNode("Identity", [weighted], output);
        target.Outputs.Add(target.Input(EnergyComposer.Input) with { Name = output });
    }

    private void Build()
    {
        var models = _bundle.Manifest.Models;
        Preprocess();
        var weighted = new List<string>();
        var compiled = new List<string>();
        var columns = new List<string>();
        if (models.Vae is { } vae)
        {
            AddWeight(VaeWeight);
            Term("vae", VaeWeight, VaeTerm(vae), true);
        }

        if (models.Critic is { } critic)
        {
            var image = Image(BundleRole.Critic, Pixels(BundleRole.Critic));
            var score = Real(Append(_graph, _networks.Critic!, "critic/", critic.Input, image), _networks.Critic!, critic.Output);
            AddWeight(AdversarialWeight);
            Term("adversarial", AdversarialWeight, MeanOfImage(score, "energy/adversarial/term"), true);
        }

        if (models.Energy is { } own)
        {
            var image = Image(BundleRole.Energy, Pixels(BundleRole.Energy));
            var value = Real(Append(_graph, _networks.Energy!, "own/", own.Input, image), _networks.Energy!, own.Output);
            AddWeight(EnergyWeight);
            Term("energy", EnergyWeight, MeanOfImage(value, "energy/energy/term"), own.Gradient is null);
        }

        if (_networks.Inner is { } inner)
        {
            AddWeight(EntropyWeight);
            Term("entropy", EntropyWeight, Entropy(inner, models.Inner), true);
        }

        _graph.AddNode("Concat", columns, EnergyComposer.TermsOutput, OnnxAttribute.Of("axis", 1L));
        _graph.AddNode("Identity", [Sum(weighted, "energy/weighted")], EnergyComposer.EnergyOutput);
        if (compiled.Count > 0) CompiledEnergy = Sum(compiled, "energy/compiled");
        _graph.Outputs.Add(new OnnxValueInfo(EnergyComposer.EnergyOutput, OnnxElementType.Float, [Batch]));
        _graph.Outputs.Add(new OnnxValueInfo(EnergyComposer.TermsOutput, OnnxElementType.Float, [Batch, columns.Count]));

        void Term(string name, string weightName, string term, bool isCompiled)
        {
            _termNames.Add(name);
            columns.Add(term);
            weighted.Add(_graph.AddNode("Mul", [weightName, term], $"energy/{name}/weighted"));
            if (isCompiled) compiled.Add(weighted[^1]);
        }
    }

    /// <summary>What the networks see: (y - mean) / std.</summary>
    private void Preprocess()
    {
        var isAsked = _networks.Backward is not null
            || new[] { BundleRole.Vae, BundleRole.Critic, BundleRole.Energy, BundleRole.Inner }.Any(
                role => _networks.Has(role) && _networks.FormatOf(role).IsOfImage(_bundle.Image));
        if (_bundle.Image.IsIdentity() || !isAsked) return;
        var centred = _graph.AddNode(
            "Sub", [EnergyComposer.Input, PerChannel(_graph, "energy/image/mean", _bundle.Image.Mean)], "energy/image/centred");
        _graph.AddNode("Div", [centred, PerChannel(_graph, "energy/image/std", _bundle.Image.Std)], "energy/image/normalised");
    }

    private string VaeTerm(VaeSpec spec)
    {
        AddWeight(EnergyComposer.BetaInput);
        var pixels = Pixels(BundleRole.Vae);
        var outputs = Append(_graph, _networks.Vae!, "vae/", spec.Input, Image(BundleRole.Vae, pixels));
        var (mean, logVariance) = (Real(outputs, _networks.Vae!, spec.Mean), Real(outputs, _networks.Vae!, spec.LogVariance));
        var reconstructed = ToPixels(Real(outputs, _networks.Vae!, spec.Reconstruction), _networks.FormatOf(BundleRole.Vae));

        var difference = _graph.AddNode("Sub", [pixels, reconstructed], "energy/vae/difference");
        var squared = _graph.AddNode("Mul", [difference, difference], "energy/vae/squared");
        var reconstruction = SumOfImage(squared, "energy/vae/reconstruction_error");

        var one = _graph.AddInitializer(OnnxTensor.Scalar("energy/one", 1f));
        var half = _graph.AddInitializer(OnnxTensor.Scalar("energy/half", 0.5f));
        var meanSquared = _graph.AddNode("Mul", [mean, mean], "energy/vae/mean_squared");
        var variance = _graph.AddNode("Exp", [logVariance], "energy/vae/variance");
        var excess = _graph.AddNode("Sub", [_graph.AddNode("Sub", [variance, one], "energy/vae/variance_less_one"), logVariance],
            "energy/vae/excess");
        var both = SumOfImage(_graph.AddNode("Add", [meanSquared, excess], "energy/vae/divergences"), "energy/vae/divergence_doubled");
        var divergence = _graph.AddNode("Mul", [half, both], "energy/vae/divergence");
        var scaled = _graph.AddNode("Mul", [EnergyComposer.BetaInput, divergence], "energy/vae/divergence_scaled");
        return _graph.AddNode("Add", [reconstruction, scaled], "energy/vae/term");
    }

    private string Entropy(OnnxModel inner, PredictorSpec spec)
    {
        var image = Image(BundleRole.Inner, Pixels(BundleRole.Inner));
        var output = Real(Append(_graph, inner, "inner/", spec.Input, image), inner, spec.Output.Name);
        var declared = inner.Graph.Output(spec.Output.Name).Shape;
        var channels = declared is { Count: > 1 }
            ? declared[spec.Output.Layout == OutputLayout.ChannelsLast ? declared.Count - 1 : 1].Size : null;
        var entropy = AnswerKinds.Of(spec.Output).WriteEntropy(_graph, output, channels, spec.Output)
            ?? throw new BundleException(
                $"Bundle '{_bundle.Name}' gives the entropy of answers a weight, and answers of kind "
                + $"{AnswerKinds.Of(spec.Output).Name} are no probabilities.");
        return MeanOfImage(entropy, "energy/entropy/term");
    }

    private void AddWeight(string name)
    {
        _weightInputs.Add(name);
        _graph.Inputs.Add(new OnnxValueInfo(name, OnnxElementType.Float, []));
    }

    /// <summary>What networks that take what the manifest's image says are given.</summary>
    private string Normalised => _bundle.Image.IsIdentity() ? EnergyComposer.Input : "energy/image/normalised";

    /// <summary>The image's pixels at the size and with the channels of a network.</summary>
    private string Pixels(BundleRole role) => InputConversion.WritePixels(
        _graph, EnergyComposer.Input, ImagePrefix(role), _networks.FormatOf(role), _bundle.Image);

    /// <summary>What a network is given.</summary>
    private string Image(BundleRole role, string pixels)
    {
        var format = _networks.FormatOf(role);
        return format.IsOfImage(_bundle.Image) ? Normalised : InputConversion.Write(_graph, pixels, ImagePrefix(role), format, null);
    }

    private static string ImagePrefix(BundleRole role) => $"energy/{BundleValidator.Title(role)}_image/";

    private static IReadOnlyDictionary<string, string> Append(
        OnnxGraph target, OnnxModel network, string prefix, InputSpec input, string image) =>
        target.Append(network.Graph, prefix, new Dictionary<string, string> { [input.Name] = image });

    /// <summary>An output as float32.</summary>
    private string Real(IReadOnlyDictionary<string, string> outputs, OnnxModel network, string name) =>
        network.Graph.Output(name).ElementType == OnnxElementType.Float
            ? outputs[name]
            : _graph.AddNode("Cast", [outputs[name]], $"{outputs[name]}/float32", OnnxAttribute.Of("to", (long)OnnxElementType.Float));

    /// <summary>A reconstruction, which is laid out and scaled as its network's input is, as pixel values (N, C, H, W).</summary>
    private string ToPixels(string reconstruction, InputFormat format)
    {
        var value = format.Layout == ChannelLayout.ChannelsFirst
            ? reconstruction
            : InputConversion.ToChannelsFirst(_graph, reconstruction, "energy/vae/reconstruction_first");
        if (format.Range == 1) return value;
        var scale = _graph.AddInitializer(OnnxTensor.Scalar("energy/vae/unit", (float)(1 / format.Range)));
        return _graph.AddNode("Mul", [value, scale], "energy/vae/reconstruction_pixels");
    }

    /// <summary>Sum over all but the batch, (N, 1).</summary>
    private string SumOfImage(string value, string name)
    {
        var flat = _graph.AddNode("Flatten", [value], $"{name}/flat", OnnxAttribute.Of("axis", 1L));
        return _graph.AddNode("ReduceSum", [flat, _graph.AddInitializer(OnnxTensor.Int64s("energy/axis", 1))], name);
    }

    /// <summary>Mean over all but the batch, (N, 1); the axes became an input in version 18.</summary>
    private string MeanOfImage(string value, string name)
    {
        var flat = _graph.AddNode("Flatten", [value], $"{name}/flat", OnnxAttribute.Of("axis", 1L));
        return _networks.Opset >= 18
            ? _graph.AddNode("ReduceMean", [flat, _graph.AddInitializer(OnnxTensor.Int64s("energy/axis", 1))], name)
            : _graph.AddNode("ReduceMean", [flat], name, OnnxAttribute.Of("axes", [1L]));
    }

    /// <summary>Sum of values (N, 1) as (N).</summary>
    private string Sum(List<string> values, string name)
    {
        var sum = values[0];
        for (var i = 1; i < values.Count; i++) sum = _graph.AddNode("Add", [sum, values[i]], $"{name}/{i}");
        return _graph.AddNode("Squeeze", [sum, _graph.AddInitializer(OnnxTensor.Int64s("energy/axis", 1))], name);
    }

    private static string PerChannel(OnnxGraph target, string name, IReadOnlyList<double> values) => target.AddInitializer(
        OnnxTensor.FromDoubles(name, OnnxElementType.Float, [1, values.Count, 1, 1], [.. values]));
}
