using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Bundles;

/// <summary>Every way a bundle can be wrong is refused in one line that names file, tensor and reason.</summary>
[TestFixture]
internal sealed class BadBundleTests
{
    private static readonly string OtherHash = new('0', 64);

    private static IEnumerable<TestCaseData> Spoilt()
    {
        yield return Case("manifest missing", tiny => File.Delete(tiny.File("diffeonn.json")),
            "Bundle manifest '{folder}/diffeonn.json' cannot be read: no such file.");
        yield return Case("manifest truncated", tiny => File.WriteAllText(tiny.File("diffeonn.json"), "{ \"schema\": 1,"),
            "{folder}/diffeonn.json: not valid JSON at line 1, byte 14.");
        yield return Case("unknown field", tiny => tiny.Manifest(root => root["weights"] = 1),
            "{folder}/diffeonn.json: unknown field 'weights'. "
            + "Known there: schema, name, description, licence, image, models, energy, optimiser, acceptance, references, provenance.");
        yield return Case("missing role", tiny => tiny.Manifest(root => root["models"]!.AsObject().Remove("inner")),
            "{folder}/diffeonn.json: field 'models.inner' is missing.");
        yield return Case("role given twice", tiny => Twice(tiny, "\"critic\":", "\"critic\":{},\"critic\":"),
            "{folder}/diffeonn.json: field 'models.critic' is given twice; keep one.");
        yield return Case("path leaves the folder", tiny => tiny.Manifest(root => root["models"]!["vae"]!["file"] = "../vae.onnx"),
            "{folder}/diffeonn.json: field 'models.vae.file' is \"../vae.onnx\"; "
            + "expected a path inside the bundle's folder, with forward slashes.");
        yield return Case("file missing", tiny => File.Delete(tiny.File("critic.onnx")),
            "Bundle 'tiny', critic model 'critic.onnx': no such file.");
        yield return Case("gradient file missing", tiny => File.Delete(tiny.File("energy_gradient.onnx")),
            "Bundle 'tiny', energy.gradient model 'energy_gradient.onnx': no such file.");
        yield return Case("file is a folder", tiny => tiny.Manifest(root => root["models"]!["vae"]!["file"] = "reference"),
            "Bundle 'tiny', vae model 'reference': no such file.");
        yield return Case("wrong hash", tiny => tiny.Manifest(root => root["models"]!["critic"]!["sha256"] = OtherHash),
            $"Bundle 'tiny', critic model 'critic.onnx': SHA-256 is {Bundle.Hash(Path.Combine(TinyBundle.Original, "critic.onnx"))}, "
            + $"the manifest says {OtherHash}; the file was changed or damaged after the bundle was made.");
        yield return Case("reference folder missing", tiny => Directory.Delete(tiny.File("reference/inner"), recursive: true),
            "Bundle 'tiny': reference folder 'reference/inner' does not exist.");
        yield return Case("input name", tiny => tiny.Manifest(root => root["models"]!["inner"]!["input"] = "img"),
            "Bundle 'tiny', inner model 'inner.onnx': has no input 'img'. Inputs: 'image' float32 [N,2,12,16].");
        yield return Case("output name", tiny => tiny.Manifest(root => root["models"]!["vae"]!["mean"] = "m"),
            "Bundle 'tiny', vae model 'vae.onnx': has no output 'm'. "
            + "Outputs: 'reconstruction' float32 [N,2,Sigmoidreconstruction_dim_2,Sigmoidreconstruction_dim_3], "
            + "'mu' float32 [N,3], 'logvar' float32 [N,3].");
        yield return Case("channels", tiny => tiny.Manifest(root => root["image"] = Image(3, 12, 16)),
            "Bundle 'tiny', inner model 'inner.onnx': input 'image' float32 [N,2,12,16] has 2 in dimension 1; "
            + "expected 3 channels, as the manifest's image has.");
        yield return Case("size", tiny => tiny.Manifest(root => root["image"] = Image(2, 16, 12)),
            "Bundle 'tiny', inner model 'inner.onnx': input 'image' float32 [N,2,12,16] is 12 x 16 pixels (height x width); "
            + "the manifest's image is 16 x 12.");
        yield return Case("NaN weight", tiny => tiny.Model("vae", model => Poison(model, "mu.weight", 7, float.NaN)),
            "Bundle 'tiny', vae model 'vae.onnx': tensor 'mu.weight' [3,12] holds 1 values that are NaN, the first at 7; "
            + "the network was trained or exported wrongly.");
        yield return Case("infinite weight", tiny => tiny.Model("critic", model => Poison(model, "first.bias", 2, float.NegativeInfinity)),
            "Bundle 'tiny', critic model 'critic.onnx': tensor 'first.bias' [4] holds 1 values that are infinite, the first at 2; "
            + "the network was trained or exported wrongly.");
        yield return Case("NaN constant", tiny => tiny.Model("energy", NaNConstant),
            "Bundle 'tiny', energy model 'energy.onnx': the constant in Constant (node 'Constant_0') holds 1 values that are NaN, "
            + "the first at 0; the network was exported wrongly.");
        yield return Case(
            "negative decrease", tiny => tiny.Manifest(root => root["acceptance"] = new JsonObject { ["minimumDecrease"] = -0.1 }),
            "{folder}/diffeonn.json: field 'acceptance.minimumDecrease' is -0.1; expected a number of at least 0.");
        yield return Case("unknown start", tiny => tiny.Manifest(root => root["optimiser"]!["start"] = "anywhere"),
            "{folder}/diffeonn.json: field 'optimiser.start' is \"anywhere\"; expected one of identity, proposer, multi.");
        yield return Case("truncated ONNX", tiny => Truncate(tiny, "vae"),
            "Bundle 'tiny', vae model 'vae.onnx': The 8000 bytes are no ONNX model: While parsing a protocol message, the input ended "
            + "unexpectedly in the middle of a field.  This could mean either that the input has been truncated or that an embedded "
            + "message misreported its own length.");
        yield return Case("int64 output", tiny => tiny.Model("inner", model => Redeclare(model.Graph.Outputs, OnnxElementType.Int64)),
            "Bundle 'tiny', inner model 'inner.onnx': output 'logits' int64 [N,3,12,16] holds class numbers in 4 dimensions; "
            + "expected (N,H,W) or (N,1,H,W).");
        yield return Case(
            "fixed batch", tiny => tiny.Model("inner", model => Redeclare(model.Graph.Outputs, OnnxElementType.Float, 1, 3, 12, 16)),
            "Bundle 'tiny', inner model 'inner.onnx': output 'logits' float32 [1,3,12,16] has a fixed batch of 1, "
            + "the input has a free one; export it with a free first dimension (dynamic_axes or dynamic_shapes).");
        yield return Case(
            "second input", tiny => tiny.Model("critic", model => model.Graph.Inputs.Add(new("mask", OnnxElementType.Float, ["N"]))),
            "Bundle 'tiny', critic model 'critic.onnx': needs 2 inputs: 'image' float32 [N,2,12,16], 'mask' float32 [N]; "
            + "a network of a bundle takes the image alone.");
        yield return Case(
            "segmentation of rank 2", tiny => tiny.Model("inner", model => Redeclare(model.Graph.Outputs, OnnxElementType.Float, "N", 3)),
            "Bundle 'tiny', inner model 'inner.onnx': output 'logits' float32 [N,3] has 2 dimensions; expected a segmentation (N,K,H,W).");
        yield return Case("segmentation of another size",
            tiny => tiny.Model("inner", model => Redeclare(model.Graph.Outputs, OnnxElementType.Float, "N", 3, 6, 7)),
            "Bundle 'tiny', inner model 'inner.onnx': output 'logits' float32 [N,3,6,7] is 6 x 7 pixels (height x width); the "
            + "manifest's image is 12 x 16, and it is no whole fraction of that; if it covers the same image, say so by the output's "
            + "field resolution.");
        yield return Case("classification of rank 4", tiny => Kind(tiny, "classification"),
            "Bundle 'tiny', inner model 'inner.onnx': output 'logits' float32 [N,3,12,16] has 4 dimensions of more than "
            + "one pixel; expected a classification (N,K) or (N,K,1,1).");
        yield return Case("points of rank 4", tiny => Kind(tiny, "points"),
            "Bundle 'tiny', inner model 'inner.onnx': output 'logits' float32 [N,3,12,16] has 4 dimensions; expected points (N,P,2) "
            + "or (N,2P).");
        yield return Case(
            "number of classes", tiny => tiny.Manifest(root => root["models"]!["inner"]!["output"]!["classes"] = new JsonArray("a", "b")),
            "Bundle 'tiny', inner model 'inner.onnx': output 'logits' float32 [N,3,12,16] has 3 channels, and 2 classes are named (a, b).");
        yield return Case("softmax of one channel",
            tiny => tiny.Model("inner", model => Redeclare(model.Graph.Outputs, OnnxElementType.Float, "N", 1, 12, 16)),
            "Bundle 'tiny', inner model 'inner.onnx': output 'logits' float32 [N,1,12,16] has 1 channel, whose softmax is always 1; "
            + "use the activation sigmoid.");
        yield return Case("latent shapes differ", tiny => tiny.Manifest(root => root["models"]!["vae"]!["logVariance"] = "reconstruction"),
            "Bundle 'tiny', vae model 'vae.onnx': outputs 'mu' float32 [N,3] and 'reconstruction' float32 "
            + "[N,2,Sigmoidreconstruction_dim_2,Sigmoidreconstruction_dim_3] differ; mean and logarithm of the "
            + "variance must have one shape.");
        yield return Case("velocity of three components",
            tiny => tiny.Model("proposer", model => Redeclare(model.Graph.Outputs, OnnxElementType.Float, "N", 3, 6, 8)),
            "Bundle 'tiny', proposer model 'proposer.onnx': output 'velocity' float32 [N,3,6,8] has 3 in dimension 1; "
            + "expected 2 components, x and y.");
        yield return Case("scalar score",
            tiny => tiny.Model("critic", model => Redeclare(model.Graph.Outputs, OnnxElementType.Float, Array.Empty<OnnxDimension>())),
            "Bundle 'tiny', critic model 'critic.onnx': output 'score' float32 [] is a scalar; expected one value or more "
            + "for each image of the batch.");
        yield return Case("batch normalisation in training", tiny => tiny.Model("inner", AddTrainingNormalisation),
            "Bundle 'tiny', inner model 'inner.onnx': BatchNormalization (node 'bn') normalises by the statistics of the batch, "
            + "so an image's result would depend on the others; export the network after model.eval().");
        yield return Case("Bernoulli noise", tiny => tiny.Model("critic", model => AddNoise(model, "Bernoulli")),
            "Bundle 'tiny', critic model 'critic.onnx': Bernoulli (node 'noise') draws samples whose mean cannot stand in for them; "
            + "export the network without it (model.eval()).");
        yield return Case("weights in a second file", tiny => External(tiny, "vae"),
            "Bundle 'tiny', vae model 'vae.onnx': keeps weights in a second file, which the manifest's hash does not cover; "
            + "pack them into one file, as BundleBuilder.Add does.");

        static TestCaseData Case(string name, Action<TinyBundle> spoil, string message) =>
            new TestCaseData(spoil, message).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Spoilt))]
    public void Load_OfSpoiltBundle_SaysWhereAndWhyInOneLine(Action<TinyBundle> spoil, string message)
    {
        using var tiny = new TinyBundle();
        spoil(tiny);

        Assert.That(
            tiny.Load,
            Throws.TypeOf<BundleException>().With.Message.EqualTo(message.Replace("{folder}", tiny.Path, StringComparison.Ordinal)));
        Assert.That(message, Does.Not.Contain("\n"));
    }

    [Test]
    public void Load_OfMissingFolder_SaysSo()
    {
        Assert.That(
            () => Bundle.Load("/nowhere/bundle"),
            Throws.TypeOf<BundleException>().With.Message.EqualTo(
                "Bundle folder '/nowhere/bundle' does not exist; expected a folder with diffeonn.json."));
    }

    private static JsonObject Image(int channels, int height, int width) =>
        new() { ["channels"] = channels, ["height"] = height, ["width"] = width };

    private static void Kind(TinyBundle tiny, string kind) => tiny.Manifest(root =>
        root["models"]!["inner"]!["output"] = new JsonObject { ["name"] = "logits", ["kind"] = kind });

    private static void Twice(TinyBundle tiny, string old, string replacement)
    {
        tiny.Manifest(_ => { });
        var path = tiny.File("diffeonn.json");
        var text = File.ReadAllText(path);
        Assert.That(text, Does.Contain(old));
        File.WriteAllText(path, text.Replace(old, replacement, StringComparison.Ordinal));
    }

    private static void Truncate(TinyBundle tiny, string role)
    {
        var path = tiny.File($"{role}.onnx");
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..8000]);
        tiny.Rehash(role);
    }

    private static void External(TinyBundle tiny, string role)
    {
        OnnxModel.Load(tiny.File($"{role}.onnx")).SaveWithExternalData(tiny.File($"{role}.onnx"), 16);
        tiny.Rehash(role);
    }

    private static void Poison(OnnxModel model, string name, int index, float value)
    {
        var tensor = model.Graph.Initializers[name];
        var values = tensor.ToArray<float>();
        values[index] = value;
        model.Graph.Initializers[name] = OnnxTensor.Create<float>(name, tensor.Dimensions, values);
    }

    private static void NaNConstant(OnnxModel model)
    {
        var constant = model.Graph.Nodes.Single(node => node.OpType == "Constant");
        constant.With(OnnxAttribute.Of("value", OnnxTensor.Scalar("", float.NaN))).Name = "Constant_0";
    }

    private static void Redeclare(List<OnnxValueInfo> values, OnnxElementType type, params OnnxDimension[] shape) =>
        values[0] = new OnnxValueInfo(values[0].Name, type, shape);

    private static void Redeclare(List<OnnxValueInfo> values, OnnxElementType type) => values[0] = values[0] with { ElementType = type };

    private static void AddTrainingNormalisation(OnnxModel model)
    {
        var ones = model.Graph.AddInitializer(OnnxTensor.Create<float>("ones", [2], [1f, 1f]));
        model.Graph.AddNode("BatchNormalization", ["image", ones, ones, ones, ones], "bn", OnnxAttribute.Of("training_mode", 1L));
    }

    private static void AddNoise(OnnxModel model, string opType) => model.Graph.AddNode(opType, ["image"], "noise");
}
