using System.Text;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Bundles;

[TestFixture]
internal sealed class BundleManifestTests
{
    [Test]
    public void Parse_OfEveryField_KeepsEveryValue()
    {
        var manifest = Manifests.Read();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(manifest.Schema, Is.EqualTo(1));
            Assert.That(
                (manifest.Name, manifest.Description, manifest.Licence), Is.EqualTo(("lungs", "one sentence", "CC BY 4.0")));
            Assert.That(
                (manifest.Image.Channels, manifest.Image.Height, manifest.Image.Width, manifest.Image.Padding),
                Is.EqualTo((1, 128, 96, ImagePadding.Border)));
            Assert.That(manifest.Image.Mean, Is.EqualTo(new[] { 0.25 }));
            Assert.That(manifest.Image.Std, Is.EqualTo(new[] { 0.5 }));
            Assert.That(manifest.Image.IsIdentity(), Is.False);
            Assert.That(manifest.Models.Present().Select(pair => pair.Key), Is.EqualTo(Enum.GetValues<BundleRole>()));
            Assert.That(manifest.Models.Inner.File, Is.EqualTo("inner.onnx"));
            Assert.That(manifest.Models.Inner.Sha256, Is.EqualTo(new string('a', 64)));
            Assert.That(manifest.Models.Inner.Output.Kind, Is.EqualTo(OutputKind.Segmentation));
            Assert.That(manifest.Models.Inner.Output.Activation, Is.EqualTo(OutputActivation.Softmax));
            Assert.That(manifest.Models.Inner.Output.Classes, Is.EqualTo(new[] { "background", "lung" }));
            Assert.That(
                (manifest.Models.Vae!.Reconstruction, manifest.Models.Vae.Mean, manifest.Models.Vae.LogVariance),
                Is.EqualTo(("reconstruction", "mu", "logvar")));
            Assert.That(manifest.Models.Energy!.Gradient!.Output, Is.EqualTo("image_grad"));
            Assert.That(manifest.Search, Is.EqualTo(new SearchSpec
            {
                Vae = 0.01, Beta = 0.0001, Adversarial = 0.001, Energy = 1, Smoothness = 2, Orientation = 3,
                Field = FieldKind.Siren, Lattice = 32, Steps = 100, LearningRate = 0.0039, Squarings = 7, Passes = 2, Average = true,
                Tolerance = 1e-4, Patience = 20,
                Refinement = new SearchSpec
                {
                    Steps = 15, LearningRate = 0.01, Lattice = 6, Smoothness = 2000, Orientation = 50, Tolerance = 1e-3, Patience = 5,
                },
            }));
            Assert.That(manifest.References, Is.EqualTo(new[] { "reference/inner", "reference/vae" }));
            Assert.That(manifest.Provenance, Is.EqualTo(new Provenance
            {
                TrainedOn = "images", Tool = "trainer", Seed = 1, Date = "2026-01-01", Notes = "none",
            }));
        }
    }

    [Test]
    public void AcceptanceAndStart_AreKeptThroughJson()
    {
        var search = Manifests.Read().Search with
            { CanonicalBelow = -12.5, MinimumDecrease = 0.25, InverseResidual = 0.5, Start = StartPoint.Multi };
        var again = BundleManifest.Parse(Encoding.UTF8.GetBytes((Manifests.Read() with { Search = search }).ToJson()), "test");
        Assert.That(again.Search, Is.EqualTo(search));
        Assert.That(Manifests.Read().Search.SaysWhenAMapHelps, Is.False);
    }

    [Test]
    public void WhatWasReached_IsKeptThroughJson()
    {
        ValidationFigure figure = new("tps-strong", 40, "iou", 0.95, 0.5, 0.875);
        var manifest = Manifests.Read() with
        {
            Provenance = new Provenance
            {
                Validation = [figure, figure with { Deformation = "none" }], Reference = AnswerReference.Agreement, Verdict = "It helps.",
            },
        };
        var json = manifest.ToJson();
        var again = BundleManifest.Parse(Encoding.UTF8.GetBytes(json), "test").Provenance!;
        Assert.That(again.Validation, Is.EqualTo(manifest.Provenance.Validation));
        Assert.That((again.Reference, again.Verdict, again.Notes), Is.EqualTo((AnswerReference.Agreement, "It helps.", (string?)null)));
        Assert.That(json, Does.Contain("\"reference\": \"agreement\"").And.Contain("\"canonicalised\": 0.875"));
    }

    /// <summary>What the PyTorch tools put into a manifest they take from their configurations as it is.</summary>
    [TestCase("lungs")]
    [TestCase("shapes")]
    [TestCase("genus")]
    [TestCase("small")]
    public void ConfigurationsOfThePyTorchTools_UseTheWordsOfTheManifest(string name)
    {
        var configuration = JsonNode.Parse(
            File.ReadAllText(Path.Combine(Repository.Root, "tools", "pytorch", "configs", $"{name}.json")))!;
        string[] parts = [.. new[] { "energy", "optimiser", "acceptance" }.Where(part => configuration[part] is not null)];
        var manifest = Manifests.Read(root =>
        {
            root.Remove("acceptance");
            foreach (var part in parts) root[part] = configuration[part]!.DeepClone();
        });
        var written = JsonNode.Parse(manifest.ToJson())!;
        foreach (var part in parts) Assert.That(JsonNode.DeepEquals(written[part], configuration[part]), $"{written[part]}");
    }

    /// <summary>Manifests of before say <c>zero</c>.</summary>
    [TestCase("zero")]
    [TestCase("identity")]
    public void StartAtTheIdentity_IsReadByBothItsWordsAndWrittenByOne(string word)
    {
        var manifest = Manifests.Read(root => root["optimiser"]!["start"] = word);
        Assert.That(manifest.Search.Start, Is.EqualTo(StartPoint.Identity));
        Assert.That(manifest.ToJson(), Does.Contain("\"start\": \"identity\""));
    }

    [Test]
    public void ToJson_ThenParse_GivesTheSameJson()
    {
        var json = Manifests.Read().ToJson();

        var again = BundleManifest.Parse(Encoding.UTF8.GetBytes(json)).ToJson();

        Assert.That(again, Is.EqualTo(json));
        Assert.That(JsonNode.DeepEquals(JsonNode.Parse(json), JsonNode.Parse(Manifests.Changed())), json);
    }

    [Test]
    public void Parse_WithoutOptionalFields_TakesDefaults()
    {
        var manifest = Manifests.Read(root =>
        {
            foreach (var name in new[] { "description", "licence", "optimiser", "references", "provenance" }) root.Remove(name);
            foreach (var name in new[] { "mean", "std", "padding" }) root["image"]!.AsObject().Remove(name);
            foreach (var name in new[] { "vae", "energy", "proposer", "augmented" }) root["models"]!.AsObject().Remove(name);
            root["energy"] = new JsonObject { ["adversarial"] = 1 };
        });

        using (Assert.EnterMultipleScope())
        {
            Assert.That(manifest.Image.IsIdentity());
            Assert.That(manifest.Image.Padding, Is.EqualTo(ImagePadding.Zeros));
            Assert.That(manifest.References, Is.Empty);
            Assert.That(manifest.Search, Is.EqualTo(new SearchSpec { Adversarial = 1 }));
            Assert.That(
                manifest.Models.Present().Select(pair => pair.Key), Is.EqualTo(new[] { BundleRole.Inner, BundleRole.Critic }));
        }
    }

    private static IEnumerable<TestCaseData> Spoilt()
    {
        yield return Case("unknown field", root => root["models"]!["inner"]!["fille"] = "x",
            "m.json: unknown field 'models.inner.fille'. Known there: file, sha256, input, output, outputs.");
        yield return Case("unknown reference", root => root["provenance"]!["reference"] = "guess",
            "m.json: field 'provenance.reference' is \"guess\"; expected one of truth, agreement.");
        yield return Case("validation without a measure", root => root["provenance"]!["validation"] = JsonNode.Parse(
            "[{ \"deformation\": \"tps\", \"images\": 3 }]"),
            "m.json: field 'provenance.validation[0].measure' is missing.");
        yield return Case("validation on no images", root => root["provenance"]!["validation"] = JsonNode.Parse(
            "[{ \"deformation\": \"tps\", \"images\": 0 }]"),
            "m.json: field 'provenance.validation[0].images' is 0; expected a whole number of at least 1.");
        yield return Case("validation of other fields", root => root["provenance"]!["validation"] = JsonNode.Parse("[{ \"mean\": 1 }]"),
            "m.json: unknown field 'provenance.validation[0].mean'. Known there: deformation, images, measure, undeformed, alone, "
            + "canonicalised.");
        yield return Case("unknown role", root => root["models"]!["decoder"] = 1,
            "m.json: unknown field 'models.decoder'. Known there: inner, vae, critic, energy, proposer, augmented.");
        yield return Case("no name", root => root.Remove("name"), "m.json: field 'name' is missing.");
        yield return Case("empty name", root => root["name"] = " ", "m.json: field 'name' is \" \"; expected a string that is not empty.");
        yield return Case("null", root => root["licence"] = null, "m.json: field 'licence' is null; expected a string.");
        yield return Case("no inner model", root => root["models"]!.AsObject().Remove("inner"),
            "m.json: field 'models.inner' is missing.");
        yield return Case("no energies' weights", root => root.Remove("energy"), "m.json: field 'energy' is missing.");
        yield return Case("later schema", root => root["schema"] = 2,
            "m.json: field 'schema' is 2; expected 1, the schema this version reads; update DiffeoNN.Onnx for a later one.");
        yield return Case("wrong type", root => root["image"]!["channels"] = "one",
            "m.json: field 'image.channels' is \"one\"; expected a whole number from 1 to 4096.");
        yield return Case("fraction", root => root["optimiser"]!["steps"] = 1.5,
            "m.json: field 'optimiser.steps' is 1.5; expected a whole number of at least 0.");
        yield return Case("number out of range", root => root["optimiser"]!["squarings"] = 21,
            "m.json: field 'optimiser.squarings' is 21; expected a whole number from 0 to 20.");
        yield return Case("infinite number", root => root["energy"]!["vae"] = JsonNode.Parse("1e999"),
            "m.json: field 'energy.vae' is 1e999; expected a number of at least 0.");
        yield return Case("negative weight", root => root["energy"]!["beta"] = -1,
            "m.json: field 'energy.beta' is -1; expected a number of at least 0.");
        yield return Case("weight of a role forgotten", root => root["energy"]!.AsObject().Remove("adversarial"),
            "m.json: field 'energy.adversarial' is missing.");
        yield return Case("learning rate of zero", root => root["optimiser"]!["learningRate"] = 0,
            "m.json: field 'optimiser.learningRate' is 0; expected a number above 0.");
        yield return Case("unknown field of the refinement", root => root["optimiser"]!["refinement"]!["start"] = "proposer",
            "m.json: unknown field 'optimiser.refinement.start'. Known there: "
            + $"{string.Join(", ", SearchSpec.Settings.Where(setting => setting.IsRefinable).Select(setting => setting.Name))}.");
        yield return Case("refinement out of range", root => root["optimiser"]!["refinement"]!["smoothness"] = -1,
            "m.json: field 'optimiser.refinement.smoothness' is -1; expected a number of at least 0.");
        yield return Case("no pass", root => root["optimiser"]!["passes"] = 0,
            "m.json: field 'optimiser.passes' is 0; expected a whole number from 1 to 100.");
        yield return Case("average of another type", root => root["optimiser"]!["average"] = 1,
            "m.json: field 'optimiser.average' is 1; expected true or false.");
        yield return Case("refinement of another type", root => root["optimiser"]!["refinement"] = 15,
            "m.json: field 'optimiser.refinement' is 15; expected an object.");
        yield return Case("mean of another length", root => root["image"]!["mean"] = new JsonArray(0, 0, 0),
            "m.json: field 'image.mean' is an array of 3; expected an array of 1, one number a channel.");
        yield return Case("std of zero", root => root["image"]!["std"] = new JsonArray(0),
            "m.json: field 'image.std[0]' is 0; expected a number above 0.");
        yield return Case("std without a reciprocal in float32", root => root["image"]!["std"] = new JsonArray(1e-320),
            "m.json: field 'image.std[0]' is 1E-320; expected a number from 1e-6 to 1e6.");
        yield return Case("mean beyond float32", root => root["image"]!["mean"] = new JsonArray(1e308),
            "m.json: field 'image.mean[0]' is 1E+308; expected a number from -1e6 to 1e6.");
        yield return Case("unknown padding", root => root["image"]!["padding"] = "mirror",
            "m.json: field 'image.padding' is \"mirror\"; expected one of zeros, border.");
        yield return Case("unknown kind", root => root["models"]!["inner"]!["output"]!["kind"] = "depth",
            "m.json: field 'models.inner.output.kind' is \"depth\"; expected one of segmentation, classification, image, points, "
            + "regression, boxes.");
        yield return Case("kind in capitals", root => root["models"]!["inner"]!["output"]!["kind"] = "Image",
            "m.json: field 'models.inner.output.kind' is \"Image\"; expected one of segmentation, classification, image, points, "
            + "regression, boxes.");
        yield return Case("activation of points", root => root["models"]!["inner"]!["output"]!["kind"] = "points",
            "m.json: field 'models.inner.output.activation' is \"softmax\"; expected none, since the output's kind is points.");
        yield return Case("class twice", root => root["models"]!["inner"]!["output"]!["classes"] = new JsonArray("a", "a"),
            "m.json: field 'models.inner.output.classes' is an array of 2; expected the classes' names, each once.");
        yield return Case("short hash", root => root["models"]!["vae"]!["sha256"] = "12",
            "m.json: field 'models.vae.sha256' is \"12\"; expected a SHA-256 of 64 hexadecimal digits.");
        foreach (var path in new[] { "../other.onnx", "/etc/passwd", "a/../../b.onnx", "C:/b.onnx", "a\\b.onnx", "./b.onnx" })
        {
            yield return Case($"path {path}", root => root["models"]!["vae"]!["file"] = path,
                $"m.json: field 'models.vae.file' is \"{path.Replace("\\", "\\\\")}\"; "
                + "expected a path inside the bundle's folder, with forward slashes.");
        }

        yield return Case("reference outside", root => root["references"] = new JsonArray(".."),
            "m.json: field 'references[0]' is \"..\"; expected a path inside the bundle's folder, with forward slashes.");

        static TestCaseData Case(string name, Action<JsonObject> change, string message) =>
            new TestCaseData(change, message).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Spoilt))]
    public void Parse_OfSpoiltManifest_NamesFieldAndExpectation(Action<JsonObject> change, string message)
    {
        Assert.That(
            () => BundleManifest.Parse(Manifests.Changed(change), "m.json"),
            Throws.TypeOf<BundleException>().With.Message.EqualTo(message));
    }

    [TestCase("", "m.json: not valid JSON at line 1, byte 1.")]
    [TestCase("{\n  \"schema\": 1,\n}", "m.json: not valid JSON at line 3, byte 1.")]
    [TestCase("{\"schema\": 1, \"schema\": 1}", "m.json: field 'schema' is given twice; keep one.")]
    [TestCase("[1]", "m.json: the manifest is an array of 1; expected an object.")]
    [TestCase("{\"schema\": 1, \"name\": \"\\ud800\", \"models\":{}}", "m.json: field 'image' is missing.")]
    public void Parse_OfOtherText_NamesThePlace(string json, string message)
    {
        Assert.That(
            () => BundleManifest.Parse(Encoding.UTF8.GetBytes(json), "m.json"),
            Throws.TypeOf<BundleException>().With.Message.EqualTo(message));
    }

    [Test]
    public void Parse_OfBrokenText_SaysSo()
    {
        var surrogate = Encoding.UTF8.GetString(Manifests.Changed()).Replace("\"lungs\"", "\"\\ud800\"", StringComparison.Ordinal);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                () => BundleManifest.Parse(new byte[] { (byte)'"', 0xff, (byte)'"' }, "m.json"),
                Throws.TypeOf<BundleException>().With.Message.EqualTo("m.json: not UTF-8 text."));
            Assert.That(
                () => BundleManifest.Parse(Encoding.UTF8.GetBytes(surrogate), "m.json"),
                Throws.TypeOf<BundleException>().With.Message.EqualTo("m.json: a string holds half of a surrogate pair."));
        }
    }

    [Test]
    public void Parse_AfterByteOrderMark_Succeeds()
    {
        byte[] json = [.. Encoding.UTF8.Preamble, .. Manifests.Changed()];

        Assert.That(BundleManifest.Parse(json).Name, Is.EqualTo("lungs"));
    }

    [Test]
    public void Load_OfMissingFile_NamesIt()
    {
        Assert.That(
            () => BundleManifest.Load("/nowhere/diffeonn.json"),
            Throws.TypeOf<BundleException>().With.Message.EqualTo(
                "Bundle manifest '/nowhere/diffeonn.json' cannot be read: no such file."));
    }

    [Test]
    public void Save_OfWrongManifest_IsRefusedAndWritesNothing()
    {
        using var folder = new TemporaryFolder();
        var path = folder[BundleManifest.FileName];
        var manifest = Manifests.Read();

        Assert.That(
            () => (manifest with { Search = manifest.Search with { Vae = -1 } }).Save(path),
            Throws.TypeOf<BundleException>().With.Message.EqualTo(
                $"{path}: field 'energy.vae' is -1; expected a number of at least 0."));
        Assert.That(Directory.EnumerateFileSystemEntries(folder.Path), Is.Empty);
    }

    [Test]
    public void Save_OverAnotherManifest_ReplacesItAndLeavesNoOtherFile()
    {
        using var folder = new TemporaryFolder();
        var path = folder[BundleManifest.FileName];
        File.WriteAllText(path, "old");

        Manifests.Read().Save(path);

        Assert.That(BundleManifest.Load(path).ToJson(), Is.EqualTo(Manifests.Read().ToJson()));
        Assert.That(Directory.GetFiles(folder.Path), Is.EqualTo(new[] { path }));
    }
}
