using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Export;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Tests.Energies;

/// <summary>The entropy of the network's own answer as a term of the energy.</summary>
[TestFixture]
internal sealed class EntropyTermTests : EnergyTests
{
    [TestCase("segmentation", "softmax")]
    [TestCase("segmentation", "sigmoid")]
    [TestCase("segmentation", "none")]
    [TestCase("classification", "softmax")]
    public void Term_IsTheMeanEntropyOfTheAnswer(string kind, string activation)
    {
        using var scope = NewDisposeScope();
        using var tiny = Asking();
        if (kind == "classification")
            Exports.Classify(tiny);
        if (activation == "none")
            tiny.Model("inner", model =>
            {
                model.Graph.AddNode("Softmax", ["logits"], "probabilities", OnnxAttribute.Of("axis", 1L));
                model.Graph.Outputs[0] = model.Graph.Outputs[0] with { Name = "probabilities" };
            });
        tiny.Manifest(root =>
        {
            var output = root["models"]!["inner"]!["output"]!;
            output["activation"] = activation;
            if (activation == "none") output["name"] = "probabilities";
        });
        using var energy = Load(tiny.Path);
        var y = Images(3);
        using var inner = InnerModel.Load(tiny.Load(), BundleRole.Inner, Engine);
        var answers = inner.Run(y).to(float64);
        var entropy = -(answers * answers.log());
        if (activation == "sigmoid") entropy -= (1 - answers) * (1 - answers).log();
        var expected = (activation == "sigmoid" ? entropy : entropy.sum(1, keepdim: true)).flatten(1).mean([1L]);
        using var result = energy.Evaluate(y);
        Assert.That(energy.TermNames, Is.EqualTo(new[] { "vae", "adversarial", "energy", "entropy" }));
        Assert.That(Values(result.Terms[.., 3]), Is.EqualTo(Values(expected)).Within(1e-5));
        Assert.That(Values(expected), Is.All.GreaterThan(0.01), "else nothing was measured");
    }

    [Test]
    public void Gradient_IsThatOfFiniteDifferences()
    {
        using var scope = NewDisposeScope();
        using var tiny = Asking();
        using var all = Load(tiny.Path);
        using var energy = all.WithWeights(new SearchSpec { Entropy = 100 });
        var (y, direction) = (Images(1), Images(1, 5) - 0.5);
        using var result = energy.Evaluate(y);
        double At(double step)
        {
            using var moved = energy.Evaluate((y + (direction * step)).contiguous(), false);
            return moved.Energy.item<float>();
        }

        var slope = (At(0.01) - At(-0.01)) / 0.02;
        Assert.That((result.Gradient! * direction).sum().item<float>(), Is.EqualTo(slope).Within(2).Percent);
        Assert.That(Math.Abs(slope), Is.GreaterThan(0.1), "else any gradient is right");
    }

    [Test]
    public void NetworkThatNobodyWeighs_IsNoPartOfTheEnergy()
    {
        var plain = EnergyComposer.Compose(Bundle.Load(TinyBundle.Original));
        using var tiny = Asking();
        var asking = EnergyComposer.Compose(tiny.Load());
        Assert.That(plain.TermNames, Does.Not.Contain("entropy"));
        Assert.That(asking.WeightInputs.Select(pair => (pair.Key, pair.Value)), Does.Contain(("weight_entropy", 0.0)),
            "the search itself gives it no weight");
        Assert.That(asking.ValueModel.Graph.Nodes, Has.Count.GreaterThan(plain.ValueModel.Graph.Nodes.Count));
    }

    [Test]
    public void AnswersThatAreNoProbabilities_AreRefused()
    {
        using var tiny = Asking();
        tiny.Manifest(root => root["models"]!["inner"]!["output"] = new JsonObject { ["name"] = "logits", ["kind"] = "image" });
        Assert.That(() => Load(tiny.Path), Throws.InstanceOf<BundleException>().With.Message.Contains("kind image are no probabilities"));
    }

    private static TinyBundle Asking() => new TinyBundle().Manifest(root =>
        root["optimiser"]!["refinement"] = new JsonObject { ["entropy"] = 5.0, ["steps"] = 3 });
}
