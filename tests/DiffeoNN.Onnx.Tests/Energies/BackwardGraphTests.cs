using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Support;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Tests.Energies;

/// <summary>A backward graph made elsewhere is used as it is, and refused where it is wrong.</summary>
[TestFixture]
internal sealed class BackwardGraphTests : EnergyTests
{
    [Test]
    public void RightBackwardGraph_GivesWhatTheCompiledOneGives([Values("energy", "vae,energy")] string roles)
    {
        using var scope = NewDisposeScope();
        using var own = new TinyBundle();
        using var compiled = new TinyBundle();
        own.Keep(roles.Split(','));
        compiled.Keep(roles.Split(',')).Manifest(root => root["models"]!["energy"]!.AsObject().Remove("gradient"));
        using var withOwn = Load(own.Path);
        using var withCompiled = Load(compiled.Path);
        var y = Images(3);

        using var a = withOwn.Evaluate(y);
        using var b = withCompiled.Evaluate(y);

        Assert.That(Comparison.LargestError(Values(a.Gradient!), Values(b.Gradient!)), Is.LessThan(1e-5));
        Assert.That(Values(a.Energy), Is.EqualTo(Values(b.Energy)).Within(1e-5));
    }

    /// <summary>Kinks of rectifiers and float32 on whole images must not make a right gradient look wrong.</summary>
    [Test]
    public void RightBackwardGraphOfATrainedCritic_Passes()
    {
        using var folder = new TemporaryFolder();
        var lungs = Path.Combine(Repository.Root, "models", "lungs");
        if (!Directory.Exists(lungs)) Assert.Ignore("models/lungs is not there.");
        var bundle = Bundle.Load(lungs);
        var critic = bundle.LoadModel(BundleRole.Critic);
        critic.Graph.AddNode("Flatten", ["score"], "flat", OnnxAttribute.Of("axis", 1L));
        critic.Graph.AddNode("ReduceMean", ["flat"], "mean", OnnxAttribute.Of("axes", [1L]));
        critic.Graph.Outputs.Add(new OnnxValueInfo("mean", OnnxElementType.Float, ["N", 1]));
        GradientCompiler.Compile(critic, new GradientOptions { Inputs = ["image"], Outputs = ["mean"], Seed = GradientSeed.Ones })
            .Save(folder["gradient.onnx"]);
        var manifest = bundle.Manifest with
        {
            Models = bundle.Manifest.Models with
            {
                Critic = null,
                Proposer = null,
                Augmented = null,
                Energy = new EnergyGraphSpec
                {
                    File = "critic.onnx",
                    Input = "image",
                    Output = "score",
                    Gradient = new BackwardGraphSpec { File = "gradient.onnx", Input = "image", Output = "image_grad" },
                },
            },
            References = [],
        };
        var builder = new BundleBuilder(folder.Path).Add(bundle.PathOf(BundleRole.Inner), "inner.onnx")
            .Add(bundle.PathOf(BundleRole.Vae), "vae.onnx").Add(bundle.PathOf(BundleRole.Critic), "critic.onnx");

        var built = builder.Build(manifest);
        Assert.That(() => BackwardGraphCheck.Check(built, Engine), Throws.Nothing);
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        yield return Case("5 % too large", graph => Then(graph, "Mul", OnnxTensor.Scalar("wrong", 1.05f)), "4.");
        yield return Case("of the other sign", graph => Then(graph, "Mul", OnnxTensor.Scalar("wrong", -1f)), "200 %");
        yield return Case("of the sum, not the mean", graph => Then(graph, "Mul", OnnxTensor.Scalar("wrong", 384f)), "99.");
        yield return Case("without the second channel",
            graph => Then(graph, "Mul", OnnxTensor.Create<float>("wrong", [1, 2, 1, 1], [1, 0])), "");
        yield return Case("without the last column",
            graph => Then(graph, "Mul", OnnxTensor.Create<float>("wrong", [16], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0])), "");
        yield return Case("with a constant added", graph => Then(graph, "Add", OnnxTensor.Scalar("wrong", 0.001f)), "");
        yield return Case("not finite", graph => Then(graph, "Div", OnnxTensor.Scalar("wrong", 0f)), "more than can be told");
        yield return Case("zero", graph => Then(graph, "Mul", OnnxTensor.Scalar("wrong", 0f)), "100 %");

        static TestCaseData Case(string name, Action<OnnxGraph> spoil, string deviation) =>
            new TestCaseData(spoil, deviation).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Wrong))]
    public void WrongBackwardGraph_IsRefusedWithItsDeviation(Action<OnnxGraph> spoil, string deviation)
    {
        using var tiny = new TinyBundle();
        tiny.Model("energy_gradient", model => spoil(model.Graph));

        Assert.That(
            () => Load(tiny.Path),
            Throws.TypeOf<BundleException>().With.Message.StartsWith(
                "Bundle 'tiny', energy.gradient model 'energy_gradient.onnx': deviates from finite differences of "
                + $"'energy.onnx' by {deviation}")
            .And.Message.EndsWith(
                " at worst; at most 2 % is accepted. 'image_grad' must be the derivative of the mean of 'energy' over "
                + "all but the batch by 'image'."));
    }

    [Test]
    public void BackwardGraphOfAnotherShape_IsRefused()
    {
        using var tiny = new TinyBundle();
        tiny.Model("energy_gradient", model => model.Graph.Outputs[0] = model.Graph.Outputs[0] with { Shape = ["N", 2, 16, 12] });

        Assert.That(
            () => Bundle.Load(tiny.Path),
            Throws.TypeOf<BundleException>().With.Message.EqualTo(
                "Bundle 'tiny', energy.gradient model 'energy_gradient.onnx': output 'image_grad' float32 [N,2,16,12] is 16 x 12 pixels "
                + "(height x width); the manifest's image is 12 x 16."));
    }

    [Test]
    public void Check_LeavesNoTensorBehind()
    {
        var bundle = Bundle.Load(TinyBundle.Original);
        BackwardGraphCheck.Check(bundle, Engine);
        var before = LiveTensors.Settled();

        BackwardGraphCheck.Check(bundle, Engine);

        Assert.That(TorchSharp.torch.Tensor.TotalCount, Is.EqualTo(before));
    }

    private static void Then(OnnxGraph graph, string opType, OnnxTensor operand)
    {
        graph.Nodes[^1].Outputs[0] = "right";
        graph.AddNode(opType, ["right", graph.AddInitializer(operand)], "image_grad");
    }
}
