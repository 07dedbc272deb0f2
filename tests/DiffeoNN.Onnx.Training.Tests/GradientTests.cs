using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Gradients beside libtorch's own, and beside finite differences where a gradient is differentiated again.</summary>
public sealed class GradientTests
{
    [Test]
    public void GradientOfEveryWeight_IsThatOfLibtorch()
    {
        using var network = new TrainableNetwork(SmallNetworks.Mixed());
        using var objective = SmallNetworks.Classes(network, "N", 2L, SmallNetworks.Size, SmallNetworks.Size);
        using var scope = torch.NewDisposeScope();
        using var gradients = new FlatMemory(network.Shapes);
        torch.manual_seed(1);
        var (image, labels) = (torch.randn(5, 2, SmallNetworks.Size, SmallNetworks.Size), torch.tensor(new long[] { 0, 2, 1, 1, 0 }));
        var weights = network.Weights.ToDictionary(w => w, w => network[w].clone().requires_grad_());
        var expected = torch.nn.functional.cross_entropy(SmallNetworks.Mixed(image, name => weights[name]), labels);
        expected.backward();

        var value = Gradient(objective, network, gradients, ("image", image), ("labels", labels));

        Assert.That(value.Loss, Is.EqualTo(expected.item<float>()).Within(1e-5));
        Assert.That(network.Weights, Has.Count.EqualTo(15));
        // A bias before a normalisation has none: what both sides find there is rounding.
        var largest = weights.Values.Max(w => w.grad!.abs().max().item<float>());
        for (var i = 0; i < network.Weights.Count; i++)
        {
            var right = weights[network.Weights[i]].grad!;
            var error = (gradients.Views[i] - right).abs().max().item<float>() / Math.Max(right.abs().max().item<float>(), 1e-2f * largest);
            Assert.That(error, Is.LessThan(2e-5f), network.Weights[i]);
        }
    }

    [Test]
    public void WeightsThatTheLossDoesNotReach_StayWhatTheyAre()
    {
        var model = SmallNetworks.Mixed();
        model.Graph.Outputs.Add(new OnnxValueInfo("b", OnnxElementType.Float, ["N", 8L, SmallNetworks.Size, SmallNetworks.Size]));
        using var network = new TrainableNetwork(model);
        var builder = new ObjectiveBuilder("early", 21);
        var outputs = builder.Add(network, new Dictionary<string, string>
            { ["image"] = builder.Input("image", "N", 2L, SmallNetworks.Size, SmallNetworks.Size) });
        builder.Term("size", builder.Mean(builder.Mul(outputs["b"], outputs["b"])));
        using var objective = builder.Build(TestSetup.Engine);
        using var trainer = new Trainer(network);
        using var image = torch.ones(1, 2, SmallNetworks.Size, SmallNetworks.Size);
        var (before, after) = (network["g.w"].sum().item<float>(), network["a.w"].sum().item<float>());

        trainer.Step([new TrainingBatch(objective, new Dictionary<string, torch.Tensor> { ["image"] = image })]);

        Assert.That(network["g.w"].sum().item<float>(), Is.EqualTo(before));
        Assert.That(network["a.w"].sum().item<float>(), Is.Not.EqualTo(after));
    }

    [Test]
    public void GradientPenaltyOfACritic_AgreesWithFiniteDifferences()
    {
        using var network = new TrainableNetwork(SmallNetworks.Critic());
        var builder = new ObjectiveBuilder("penalty");
        var outputs = builder.AddWithGradient(network, "score", "image", new Dictionary<string, string>
            { ["image"] = builder.Input("image", "N", 1L, SmallNetworks.Size, SmallNetworks.Size) });
        builder.Term("penalty", builder.GradientPenalty(builder.Mul(outputs["image_grad"], 40)));
        builder.Term("score", builder.Mean(outputs["score"]), 0);
        using var objective = builder.Build(TestSetup.Engine);
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(2);
        AgreesWithFiniteDifferences(objective, network, ("image", torch.rand(3, 1, SmallNetworks.Size, SmallNetworks.Size)));
    }

    [Test]
    public void GradientThroughAFrozenAndAConstantNetwork_AgreesWithFiniteDifferences()
    {
        using var first = new TrainableNetwork(SmallNetworks.Linear(6, "first"));
        using var frozen = new TrainableNetwork(SmallNetworks.Linear(1, "second"));
        var builder = new ObjectiveBuilder("chain");
        var y = builder.Add(first, new Dictionary<string, string> { ["x"] = builder.Input("x", "N", 6L) })["y"];
        y = builder.AddFrozen(frozen, new Dictionary<string, string> { ["x"] = builder.Op("Tanh", [y]) })["y"];
        y = builder.AddConstant(SmallNetworks.Linear(1, "third"), new Dictionary<string, string> { ["x"] = builder.Op("Tanh", [y]) })["y"];
        builder.Term("square", builder.Mean(builder.Mul(y, y)));
        using var objective = builder.Build(TestSetup.Engine);
        Assert.That(objective.Networks, Is.EqualTo(new[] { first }));
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(3);
        AgreesWithFiniteDifferences(objective, first, ("x", torch.randn(4, 6)));
    }

    private static ObjectiveValue Gradient(
        Objective objective, TrainableNetwork network, FlatMemory gradients, params (string Name, torch.Tensor Value)[] data) =>
        objective.Run(data.ToDictionary(d => d.Name, d => d.Value),
            new Dictionary<TrainableNetwork, FlatMemory> { [network] = gradients }, CancellationToken.None);

    /// <summary>The derivative along the gradient, whose length it must be.</summary>
    private static void AgreesWithFiniteDifferences(Objective objective, TrainableNetwork network, (string Name, torch.Tensor Value) data)
    {
        using var gradients = new FlatMemory(network.Shapes);
        Gradient(objective, network, gradients, data);
        var inputs = new Dictionary<string, torch.Tensor> { [data.Name] = data.Value };
        var norm = gradients.Flat.norm().item<float>();
        var start = network.Memory.Flat.clone();
        var step = 2e-2 * start.norm().item<float>() / Math.Sqrt(start.NumberOfElements) / norm;
        double At(double part)
        {
            network.Memory.Flat.copy_(start + (gradients.Flat * part * step));
            return objective.Evaluate(inputs).Loss;
        }

        var derivative = ((8 * (At(1) - At(-1))) - (At(2) - At(-2))) / (12 * step);
        Assert.That(derivative, Is.EqualTo((double)norm * norm).Within(0.5).Percent);
    }
}
