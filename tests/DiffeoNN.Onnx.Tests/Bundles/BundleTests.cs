using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Bundles;

[TestFixture]
internal sealed class BundleTests
{
    [Test]
    public void Load_OfGoodBundle_ExposesRolesPathsAndSettings()
    {
        var bundle = Bundle.Load(TinyBundle.Original);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bundle.Name, Is.EqualTo("tiny"));
            Assert.That(
                bundle.Roles,
                Is.EqualTo(new[] { BundleRole.Inner, BundleRole.Vae, BundleRole.Critic, BundleRole.Energy, BundleRole.Proposer }));
            Assert.That(bundle.Has(BundleRole.Vae));
            Assert.That(bundle.Has(BundleRole.Augmented), Is.False);
            Assert.That(bundle.PathOf(BundleRole.Vae), Is.EqualTo(Path.Combine(TinyBundle.Original, "vae.onnx")));
            Assert.That((bundle.Image.Channels, bundle.Image.Height, bundle.Image.Width), Is.EqualTo((2, 12, 16)));
            Assert.That(bundle.Manifest.Search.Adversarial, Is.EqualTo(3));
            Assert.That(bundle.Manifest.Search.Steps, Is.EqualTo(20));
            Assert.That(bundle.ReferenceFolders, Has.Count.EqualTo(2).And.All.Matches<string>(Directory.Exists));
            Assert.That(
                () => bundle.PathOf(BundleRole.Augmented),
                Throws.TypeOf<BundleException>().With.Message.EqualTo(
                    "Bundle 'tiny' has no role augmented. Roles: inner, vae, critic, energy, proposer."));
        }
    }

    [Test]
    public void LoadModel_OfSamplingVae_HasNoRandomNode()
    {
        var model = Bundle.Load(TinyBundle.Original).LoadModel(BundleRole.Vae);

        Assert.That(OnnxModel.Load(Path.Combine(TinyBundle.Original, "vae.onnx")).Graph.Nodes.Select(node => node.OpType),
            Does.Contain("RandomNormalLike"));
        Assert.That(model.Graph.Nodes.Select(node => node.OpType), Does.Not.Contain("RandomNormalLike").And.Contain("ConstantOfShape"));
    }

    [Test]
    public void LoadModel_AfterTheFileChanged_IsRefused()
    {
        using var tiny = new TinyBundle();
        var bundle = tiny.Load();
        File.Copy(tiny.File("critic.onnx"), tiny.File("vae.onnx"), overwrite: true);

        Assert.That(
            () => bundle.LoadModel(BundleRole.Vae),
            Throws.TypeOf<BundleException>().With.Message.StartsWith("Bundle 'tiny', vae model 'vae.onnx': SHA-256 is "));
    }

    [TestCase("classification", "N,3")]
    [TestCase("points", "N,5,2")]
    [TestCase("points", "N,P,2")]
    [TestCase("image", "N,1,12,16")]
    [TestCase("image", "N,K,H,W")]
    [TestCase("segmentation", "?,3,?,?")]
    public void Load_OfEachKindOfOutput_TakesItsShape(string kind, string shape)
    {
        using var tiny = new TinyBundle();
        OnnxDimension[] dimensions = [.. shape.Split(',').Select(size =>
            size == "?" ? OnnxDimension.Unknown : long.TryParse(size, out var number) ? OnnxDimension.Of(number) : size)];
        tiny.Model("inner", model => model.Graph.Outputs[0] = model.Graph.Outputs[0] with { Shape = dimensions })
            .Manifest(root => root["models"]!["inner"]!["output"] = new JsonObject { ["name"] = "logits", ["kind"] = kind });

        Assert.That(tiny.Load().Manifest.Models.Inner.Output.Kind.ToString().ToLowerInvariant(), Is.EqualTo(kind));
    }

    [Test]
    public void Hash_IsSha256OfTheFile()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["abc"], "abc");

        Assert.That(
            Bundle.Hash(folder["abc"]), Is.EqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    }
}
