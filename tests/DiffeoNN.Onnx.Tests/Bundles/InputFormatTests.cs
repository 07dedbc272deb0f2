using System.Text;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Bundles;

/// <summary>What a manifest may say of a network's input, and what is refused.</summary>
[TestFixture]
internal sealed class InputFormatTests
{
    private static readonly OnnxDimension[] Plain = ["N", 2, 12, 16];

    private static IEnumerable<TestCaseData> Refused()
    {
        const string Inner = "Bundle 'tiny', inner model 'inner.onnx': ", Critic = "Bundle 'tiny', critic model 'critic.onnx': ";
        yield return Case("not a name", tiny => Input(tiny, "inner", 5),
            "{folder}/diffeonn.json: field 'models.inner.input' is 5; expected the tensor's name, or an object with its name and "
            + "what differs from image.");
        yield return Case("unknown field", tiny => Input(tiny, "inner", new JsonObject { ["name"] = "image", ["size"] = 3 }),
            "{folder}/diffeonn.json: unknown field 'models.inner.input.size'. "
            + "Known there: name, layout, channels, height, width, range, mean, std.");
        yield return Case("layout", tiny => Input(tiny, "inner", new JsonObject { ["name"] = "image", ["layout"] = "NHWC" }),
            "{folder}/diffeonn.json: field 'models.inner.input.layout' is \"NHWC\"; expected one of channelsFirst, channelsLast.");
        yield return Case("range", tiny => Input(tiny, "inner", new JsonObject { ["name"] = "image", ["range"] = 0 }),
            "{folder}/diffeonn.json: field 'models.inner.input.range' is 0; expected a number above 0.");
        yield return Case("one mean for two channels",
            tiny => Input(tiny, "inner", new JsonObject { ["name"] = "image", ["mean"] = new JsonArray(0.5) }),
            "{folder}/diffeonn.json: field 'models.inner.input.mean' is an array of 1; expected an array of 2, one number a channel.");
        yield return Case("an object for a gradient", tiny => tiny.Manifest(
                root => root["models"]!["energy"]!["gradient"]!["input"] = new JsonObject { ["name"] = "image" }),
            "{folder}/diffeonn.json: field 'models.energy.gradient.input' is an object; expected a string.");
        yield return Case("said to be channels last",
            tiny => Input(tiny, "inner", new JsonObject { ["name"] = "image", ["layout"] = "channelsLast" }),
            Inner + "input 'image' float32 [N,2,12,16] has 16 in dimension 3; expected 2 channels, as the manifest's image has.");
        yield return Case("said to be larger",
            tiny => Input(tiny, "inner", new JsonObject { ["name"] = "image", ["height"] = 24, ["width"] = 32 }),
            Inner + "input 'image' float32 [N,2,12,16] is 12 x 16 pixels (height x width); the manifest's input of this "
            + "network is 24 x 32.");
        yield return Case("two channels of three", tiny => tiny.Put(
                "inner", OnnxElementType.Float, ["N", 3, 12, 16], Pair, new JsonObject { ["channels"] = 3 }),
            Inner + "takes 3 channels, the manifest's image has 2; only grey and RGB become each other.");
        yield return Case("range without mean and std", tiny => tiny.Put(
                "inner", OnnxElementType.Float, Plain, (_, raw) => raw, new JsonObject { ["range"] = 255 }),
            Inner + "its input has range of its own, to which mean and std of the manifest's image do not apply; give mean and std with "
            + "it, in units of its range (0 and 1 for none).");
        yield return Case("bytes for an energy", tiny => tiny.Put("critic", OnnxElementType.UInt8, Plain, Real, []),
            Critic + "input 'raw' uint8 [N,2,12,16] is uint8, through which no gradient passes, and an energy is minimised by its "
            + "gradient; export it with a float32 input.");
        yield return Case("normalised bytes", tiny => tiny.Put(
                "inner", OnnxElementType.UInt8, Plain, Real, new JsonObject { ["mean"] = new JsonArray(1, 1) }),
            Inner + "takes uint8, whole numbers of 0 to 255: its input has no mean and std.");
        yield return Case("whole numbers of 32 bits", tiny => tiny.Put("inner", OnnxElementType.Int32, Plain, Real, []),
            Inner + "input 'raw' int32 [N,2,12,16] must be float32, float16, float64 or uint8.");
        yield return Case("an energy with its own gradient", tiny => tiny.Put(
                "energy", OnnxElementType.Double, Plain, Real, []),
            "Bundle 'tiny', energy model 'energy.onnx': takes 2 x 12 x 16, channels first, float64 of 0 to 1, mean 0.25 0.5, std 0.5 0.25, "
            + "any batch; an energy with a gradient of its own, and that gradient, take float32, channels first, with a free batch, of "
            + "size, channels, mean and std of the manifest's image.");
        yield return Case("batches that differ", tiny => tiny.Model("inner", model =>
            {
                model.Graph.Inputs[0] = model.Graph.Inputs[0] with { Shape = [4, 2, 12, 16] };
                model.Graph.Outputs[0] = model.Graph.Outputs[0] with { Shape = [2, 3, 12, 16] };
            }),
            Inner + "output 'logits' float32 [2,3,12,16] has a fixed batch of 2, the input one of 4; both must be the same.");

        static TestCaseData Case(string name, Func<TinyBundle, TinyBundle> spoil, string message) =>
            new TestCaseData(spoil, message).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Refused))]
    public void Load_OfAnInputThatCannotBe_SaysWhereAndWhy(Func<TinyBundle, TinyBundle> spoil, string message)
    {
        using var tiny = new TinyBundle();
        spoil(tiny);
        Assert.That(tiny.Load,
            Throws.TypeOf<BundleException>().With.Message.EqualTo(message.Replace("{folder}", tiny.Path, StringComparison.Ordinal)));
    }

    [Test]
    public void Manifest_ThatIsWrittenAndReadAgain_KeepsInputs()
    {
        using var tiny = OtherInputs.Plain().To255();
        var written = tiny.Load().Manifest with { };
        var json = written.ToJson();
        var read = BundleManifest.Parse(Encoding.UTF8.GetBytes(json));
        Assert.That(read.ToJson(), Is.EqualTo(json));
        Assert.That((read.Models.Inner.Input.Range, read.Models.Inner.Input.Std), Is.EqualTo((255.0, new[] { 127.5, 63.75 })));
        using var plain = OtherInputs.Plain();
        Assert.That(plain.Load().Manifest.ToJson(), Does.Contain("\"input\": \"image\""), "a name alone stays one");
    }

    [Test]
    public void InputOf_ARole_SaysWhatManifestAndFileSayTogether()
    {
        using var tiny = OtherInputs.Plain().OfBytes();
        tiny.Put("proposer", OnnxElementType.Float, [3, 12, 16, 2],
            (graph, raw) => graph.AddNode("Transpose", [raw], "turned", OnnxAttribute.Of("perm", [0L, 3, 1, 2])),
            new JsonObject { ["layout"] = "channelsLast" });
        tiny.Model("proposer", model => model.Graph.Outputs[0] = model.Graph.Outputs[0] with { Shape = [3, 2, 6, 8] });
        var bundle = tiny.Load();
        Assert.That(bundle.InputOf(BundleRole.Critic).ToString(),
            Is.EqualTo("2 x 12 x 16, channels first, float32 of 0 to 1, mean 0.25 0.5, std 0.5 0.25, any batch"));
        Assert.That(bundle.InputOf(BundleRole.Inner).ToString(),
            Is.EqualTo("2 x 12 x 16, channels first, uint8 of 0 to 255, any batch"));
        Assert.That(bundle.InputOf(BundleRole.Proposer).ToString(),
            Is.EqualTo("2 x 12 x 16, channels last, float32 of 0 to 1, mean 0.25 0.5, std 0.5 0.25, batch of 3, freed"));
    }

    private static TinyBundle Input(TinyBundle tiny, string role, JsonNode input) =>
        tiny.Manifest(root => root["models"]![role]!["input"] = input);

    private static string Real(OnnxGraph graph, string raw) =>
        graph.AddNode("Cast", [raw], "real", OnnxAttribute.Of("to", (long)OnnxElementType.Float));

    private static string Pair(OnnxGraph graph, string raw) => graph.AddNode(
        "Gather", [raw, graph.AddInitializer(OnnxTensor.Int64s("pair", 0, 1))], "two", OnnxAttribute.Of("axis", 1L));
}
