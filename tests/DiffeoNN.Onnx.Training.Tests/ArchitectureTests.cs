using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Training.Architectures;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Networks for images of any size: that they run, that all of their weights are trained, what they cost.</summary>
public sealed class ArchitectureTests
{
    private static readonly (int Channels, int Height, int Width)[] Sizes =
        [(1, 28, 28), (3, 50, 70), (1, 97, 64), (2, 8, 9), (1, 128, 128)];

    private static IEnumerable<TestCaseData> All() => Sizes.SelectMany(s => new (string Name, Architecture Network, OnnxModel Model)[]
    {
        ("proposer", Proposer(s), Proposer(s).Create(1)),
        ("vae", Vae(s), Vae(s).CreateForTraining(1)),
        ("critic", new CriticArchitecture(s.Channels, s.Height, s.Width), new CriticArchitecture(s.Channels, s.Height, s.Width).Create(1)),
    }.Select(n => new TestCaseData(n.Network, n.Model).SetArgDisplayNames(n.Name, $"{s.Channels}x{s.Height}x{s.Width}")));

    [TestCaseSource(nameof(All))]
    public void Network_HasAGradientForEachOfItsWeights(Architecture architecture, OnnxModel model)
    {
        using var network = new TrainableNetwork(model, Architecture.Weights);
        Assert.That(network.WeightCount, Is.EqualTo(architecture.Parameters));
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(3);
        // Heads begin at zero, and let no gradient through to what is in front.
        foreach (var weight in network.Weights.Where(w => network[w].abs().sum().item<float>() == 0))
            network[weight].normal_(0, 0.1);
        var builder = new ObjectiveBuilder("sum");
        var data = new Dictionary<string, torch.Tensor>();
        var inputs = network.Inputs.ToDictionary(i => i.Name, i => builder.Input(i.Name, [.. i.Shape!]));
        foreach (var input in network.Inputs)
            data[input.Name] = torch.rand([2, .. input.Shape!.Skip(1).Select(d => d.Size!.Value)]);
        var outputs = builder.Add(network, inputs);
        foreach (var output in network.Outputs)
        {
            long[] shape = [2, .. output.Shape!.Skip(1).Select(d => d.Size!.Value)];
            var factor = builder.Input($"{output.Name} factor", ["N", .. output.Shape!.Skip(1)]);
            data[$"{output.Name} factor"] = torch.randn(shape);
            builder.Term(output.Name, builder.Mean(builder.Mul(outputs[output.Name], factor)));
        }

        using var objective = builder.Build(TestSetup.Engine);
        using var memory = new FlatMemory(network.Shapes);
        var value = objective.Run(data, new Dictionary<TrainableNetwork, FlatMemory> { [network] = memory }, CancellationToken.None);

        Assert.That(value.Loss, Is.Not.NaN);
        Assert.That(objective.ReachesAll(network), Is.True);
        Assert.That(network.Weights.Where((_, i) => !(memory.Views[i].abs().sum().item<float>() > 0)), Is.Empty);
    }

    [TestCase(1, 28, 28, 28, 28)]
    [TestCase(3, 50, 70, 23, 32)]
    [TestCase(1, 128, 128, 32, 32)]
    [TestCase(1, 97, 64, 32, 21)]
    public void Proposal_IsZeroBeforeTraining(int channels, int height, int width, int rows, int columns)
    {
        using var graph = TestSetup.Engine.Load(new ProposerArchitecture(channels, height, width).Create(1), "proposer");
        using var scope = torch.NewDisposeScope();
        var velocity = graph.Run(new Dictionary<string, torch.Tensor> { ["image"] = torch.rand(3, channels, height, width) })["velocity"];
        Assert.That(velocity.shape, Is.EqualTo(new long[] { 3, 2, rows, columns }));
        Assert.That(velocity.abs().max().item<float>(), Is.Zero);
    }

    [TestCase(1, 28, 28)]
    [TestCase(3, 50, 70)]
    public void Autoencoder_OfABundleIsTheTrainedOneWithoutNoise(int channels, int height, int width)
    {
        var architecture = new VaeArchitecture(channels, height, width);
        var trained = architecture.CreateForTraining(4);
        using var sampled = TestSetup.Engine.Load(trained, "sampled");
        using var mean = TestSetup.Engine.Load(architecture.ForBundle(trained), "mean");
        using var scope = torch.NewDisposeScope();
        var image = torch.rand(2, channels, height, width);
        Dictionary<string, torch.Tensor> With(torch.Tensor noise) => new() { ["image"] = image, ["noise"] = noise };
        var still = sampled.Run(With(torch.zeros(2, architecture.Latent)));
        var noisy = sampled.Run(With(torch.ones(2, architecture.Latent)));
        var bundle = mean.Run(new Dictionary<string, torch.Tensor> { ["image"] = image });

        Assert.That(bundle["reconstruction"].shape, Is.EqualTo(image.shape));
        Assert.That(bundle["mu"].shape, Is.EqualTo(new long[] { 2, architecture.Latent }));
        foreach (var output in new[] { "reconstruction", "mu", "logvar" })
            Assert.That((bundle[output] - still[output]).abs().max().item<float>(), Is.LessThan(1e-6), output);
        Assert.That((noisy["reconstruction"] - still["reconstruction"]).abs().max().item<float>(), Is.GreaterThan(1e-3));
        Assert.That(() => architecture.ForBundle(new VaeArchitecture(channels, height, width) { Latent = 5 }.CreateForTraining(1)),
            Throws.TypeOf<TrainingException>().With.Message.StartsWith("Network 'vae' has no weight 'mu.weight' of shape ("));
    }

    [Test]
    public void Critic_GivesAScoreForEachImage()
    {
        using var graph = TestSetup.Engine.Load(new CriticArchitecture(3, 50, 70).Create(1), "critic");
        using var scope = torch.NewDisposeScope();
        var images = torch.rand(3, 3, 50, 70);
        var scores = graph.Run(new Dictionary<string, torch.Tensor> { ["image"] = images })["score"];
        var one = graph.Run(new Dictionary<string, torch.Tensor> { ["image"] = images[1..2].contiguous() })["score"];
        Assert.That(scores.shape, Is.EqualTo(new long[] { 3 }));
        Assert.That(one[0].item<float>(), Is.EqualTo(scores[1].item<float>()).Within(1e-6));
    }

    [Test]
    public void Seeds_ChooseWeightsAsHeDid()
    {
        var architecture = new CriticArchitecture(1, 32, 32);
        var model = architecture.Create(7);
        Assert.That(architecture.Create(7).ToBytes(), Is.EqualTo(model.ToBytes()));
        Assert.That(architecture.Create(8).ToBytes(), Is.Not.EqualTo(model.ToBytes()));
        var weights = model.Graph.Initializers["layers.2.weight"].ToArray<float>();
        Assert.That(Math.Sqrt(weights.Average(w => w * (double)w)), Is.EqualTo(Math.Sqrt(2.0 / (17 * 25))).Within(3).Percent);
    }

    [Test]
    public void Cost_IsWhatTheLayersMultiply()
    {
        var critic = new CriticArchitecture(1, 32, 32);
        Assert.That(critic.MultiplyAdds, Is.EqualTo(25.0 * 32 * 32 * ((1 * 16) + (4 * 17 * 16) + 17)));
        Assert.That(critic.Parameters, Is.EqualTo((25 * ((1 * 16) + (4 * 17 * 16) + 17)) + (5 * 16) + 1));
        var vae = new VaeArchitecture(1, 16, 16) { Widths = [8, 16], Latent = 6 };
        Assert.That(vae.MultiplyAdds, Is.EqualTo(
            (16.0 * 8 * 64) + (16 * 8 * 16 * 16) + (3 * 256 * 6) + (4 * 16 * 8 * 64) + (4 * 8 * 1 * 256)));
    }

    [Test]
    public void Budget_ChoosesTheWidth()
    {
        var (small, large) = (ProposerArchitecture.For(3, 50, 70, 4e6), ProposerArchitecture.For(3, 50, 70, 1e8));
        Assert.Multiple(() =>
        {
            Assert.That(small.MultiplyAdds, Is.InRange(1e6, 4e6));
            Assert.That(large.MultiplyAdds, Is.InRange(3e7, 1e8));
            Assert.That(VaeArchitecture.For(1, 128, 128).Widths, Is.EqualTo(new[] { 16, 32, 64, 64, 64 }));
            Assert.That(CriticArchitecture.For(1, 128, 128).Hidden, Is.EqualTo(16));
            Assert.That(ProposerArchitecture.For(1, 128, 128).Widths, Is.EqualTo(new[] { 24, 48, 96 }));
            Assert.That(() => CriticArchitecture.For(1, 9, 9, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new CriticArchitecture(1, 9, 7), Throws.TypeOf<ArgumentOutOfRangeException>());
        });
    }

    private static ProposerArchitecture Proposer((int Channels, int Height, int Width) s) => new(s.Channels, s.Height, s.Width);

    private static VaeArchitecture Vae((int Channels, int Height, int Width) s) => new(s.Channels, s.Height, s.Width);
}
