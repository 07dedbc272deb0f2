using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Bundles;

[TestFixture]
internal sealed class BundleBuilderTests
{
    private static readonly BundleManifest Manifest = new()
    {
        Name = "mine",
        Image = new ImageSpec { Channels = 2, Height = 12, Width = 16, Mean = [0, 0], Std = [1, 1] },
        Models = new BundleModels
        {
            Inner = new PredictorSpec
            {
                File = "networks/inner.onnx",
                Input = "image",
                Output = new OutputSpec { Name = "logits", Kind = OutputKind.Segmentation, Activation = OutputActivation.Softmax },
            },
            Vae = new VaeSpec
                { File = "vae.onnx", Input = "image", Reconstruction = "reconstruction", Mean = "mu", LogVariance = "logvar" },
        },
        Search = new SearchSpec { Vae = 1, Beta = 0.5 },
    };

    [Test]
    public void Build_OfOwnModels_WritesABundleThatLoads()
    {
        using var folder = new TemporaryFolder();
        var target = folder["bundle"];

        var built = Builder(target).Build(Manifest);

        var loaded = Bundle.Load(target);
        Assert.That(loaded.Manifest.ToJson(), Is.EqualTo(built.Manifest.ToJson()));
        Assert.That(loaded.Manifest.Models.Vae!.Sha256, Is.EqualTo(Bundle.Hash(Path.Combine(TinyBundle.Original, "vae.onnx"))));
        Assert.That(
            Directory.GetFiles(target, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(target, path)),
            Is.EquivalentTo(new[] { "diffeonn.json", "vae.onnx", "networks/inner.onnx" }));
    }

    [Test]
    public void Add_OfModelWithWeightsInASecondFile_PacksThemIn()
    {
        using var folder = new TemporaryFolder();
        var original = OnnxModel.Load(Path.Combine(TinyBundle.Original, "vae.onnx"));
        original.SaveWithExternalData(folder["split.onnx"], 16);
        var builder = Builder(folder["bundle"]);

        builder.Add(folder["split.onnx"], "vae.onnx").Build(Manifest);

        var packed = Bundle.Load(folder["bundle"]).LoadModel(BundleRole.Vae);
        Assert.That(
            packed.Graph.Initializers.ToDictionary(pair => pair.Key, pair => Convert.ToHexString(pair.Value.Data.Span)),
            Is.EqualTo(original.Graph.Initializers.ToDictionary(pair => pair.Key, pair => Convert.ToHexString(pair.Value.Data.Span))));
    }

    [Test]
    public void Build_OfModelsThatDoNotFit_IsRefusedAndWritesNoManifest()
    {
        using var folder = new TemporaryFolder();
        var target = folder["bundle"];
        var wrong = Manifest with { Image = Manifest.Image with { Height = 16 } };

        Assert.That(
            () => Builder(target).Build(wrong),
            Throws.TypeOf<BundleException>().With.Message.StartsWith("Bundle 'mine', inner model 'networks/inner.onnx': input 'image'"));
        Assert.That(File.Exists(Path.Combine(target, BundleManifest.FileName)), Is.False);
    }

    [Test]
    public void Build_WithoutAFile_NamesIt()
    {
        using var folder = new TemporaryFolder();

        Assert.That(
            () => new BundleBuilder(folder.Path).Build(Manifest),
            Throws.TypeOf<BundleException>().With.Message.EqualTo(
                $"Bundle folder '{folder.Path}' has no file 'networks/inner.onnx'; add it first."));
    }

    [Test]
    public void Add_OfWhatIsNoModel_SaysSo()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["x.onnx"], "text");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                () => new BundleBuilder(folder.Path).Add(folder["x.onnx"], "inner.onnx"),
                Throws.TypeOf<BundleException>().With.Message.StartsWith($"Model '{folder["x.onnx"]}' cannot be added to the bundle: "));
            Assert.That(
                () => new BundleBuilder(folder.Path).Add("/nowhere/y.onnx", "inner.onnx"),
                Throws.TypeOf<BundleException>().With.Message.EqualTo(
                    "Model '/nowhere/y.onnx' cannot be added to the bundle: no such file."));
            Assert.That(File.Exists(folder["inner.onnx"]), Is.False);
        }
    }

    private static BundleBuilder Builder(string folder) => new BundleBuilder(folder)
        .Add(Path.Combine(TinyBundle.Original, "inner.onnx"), "networks/inner.onnx")
        .Add(Path.Combine(TinyBundle.Original, "vae.onnx"), "vae.onnx");
}
