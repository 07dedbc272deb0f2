using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Diagnostics.Wiring;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Shapes;
using DiffeoNN.Onnx.Tests.Bundles;

namespace DiffeoNN.Onnx.Tests.Diagnostics;

/// <summary>Bundles whose files are sound and whose wiring is not, planted one by one into the bundle of shapes.</summary>
[TestFixture]
public sealed class WiringDiagnosisTests
{
    private static readonly ImageBuffer[] Shapes = [.. Enumerable.Range(0, 8).Select(i => ShapesGenerator.Generate(77, i, 128).Image)];

    /// <summary>Several faults at once, for each network its own: a run of a bundle takes seconds.</summary>
    private static IEnumerable<TestCaseData> Faults()
    {
        yield return Bundle(
            "normalised reconstruction, negated critic, negated proposer",
            Fault("vae", "its reconstruction is in normalised values",
                (graph, _) => graph.After("reconstruction", ("Sub", 0.45f), ("Div", 0.225f))),
            Fault("critic", "is negated: it is higher on the deformed image in ", (graph, _) => graph.After("score", ("Mul", -1))),
            Fault("proposer", "is negated", (graph, _) => graph.After("velocity", ("Mul", -1))));
        yield return Bundle(
            "reconstruction of -1 to 1, swapped components, network of 0 to 255",
            Fault("vae", "its reconstruction is in normalised values", (graph, _) => graph.After("reconstruction", ("Mul", 2), ("Sub", 1))),
            Fault("proposer", "has its components swapped: y comes first", (graph, _) => graph.Swap("velocity")),
            Fault("inner", "was trained on pixel values of 0 to 255", (graph, input) => graph.Before(input, ("Div", 255))));
        yield return Bundle(
            "reconstruction of 0 to 255, swapped and negated components",
            Fault("vae", "its reconstruction is in values of 0 to 255", (graph, _) => graph.After("reconstruction", ("Mul", 255))),
            Fault("proposer", "has its components swapped and negated",
                (graph, _) => graph.After("velocity", ("Mul", -1)).Swap("velocity")));
        yield return Bundle(
            "velocity in pixels, vae of 0 to 255",
            Fault("vae", "was trained on pixel values of 0 to 255", (graph, input) => graph.Before(input, ("Div", 255))),
            Fault("proposer", "is in pixels", (graph, _) => graph.After("velocity", ("Mul", 63.5f))));
        yield return Bundle(
            "vae of -1 to 1, proposer of 0 to 255",
            Fault("vae", "was trained on pixel values of -1 to 1", (graph, input) => graph.Before(input, ("Add", 1), ("Div", 2))),
            Fault("proposer", "was trained on pixel values of 0 to 255", (graph, input) => graph.Before(input, ("Div", 255))));

        static TestCaseData Bundle(string name, params (string Role, string Text, Action<OnnxGraph, string> Change)[] faults) =>
            new TestCaseData((object)faults).SetArgDisplayNames(name);
        static (string Role, string Text, Action<OnnxGraph, string> Change) Fault(
            string role, string text, Action<OnnxGraph, string> change) =>
                (role, text, change);
    }

    [TestCaseSource(nameof(Faults))]
    public void Bundle_WithNetworksWiredWrongly_IsToldWhatIsWrongAndWhatToDo(object planted) => Check("shapes", Shapes, planted);

    [TestCaseSource(nameof(Faults))]
    public void BundleOfLungs_WithNetworksWiredWrongly_IsToldToo(object planted) =>
        Check("lungs", Images("lungs", Repository.Shared("data/lungs")), planted);

    [TestCaseSource(nameof(Faults))]
    public void BundleOfDigits_WithNetworksWiredWrongly_IsToldToo(object planted) =>
        Check("genus", Images("genus", Repository.Shared("data/mnist")), planted);

    private static IReadOnlyList<ImageBuffer> Images(string name, string data) =>
        WiringImages.Read(data, Bundle.Load(Repository.Bundle(name)), out _);

    private static void Check(string name, IReadOnlyList<ImageBuffer> images, object planted)
    {
        var faults = ((string Role, string Text, Action<OnnxGraph, string> Change)[])planted;
        using var bundle = new WiredBundle(name);
        foreach (var fault in faults) bundle.Change(fault.Role, fault.Change);
        var findings = Run(bundle, images);
        foreach (var fault in faults)
        {
            var problem = findings.SingleOrDefault(
                finding => finding.Level == FindingLevel.Problem && finding.Subject == $"{fault.Role} ({fault.Role}.onnx)");
            Assert.That(problem?.Text, Does.Contain(fault.Text), fault.Role);
            Assert.That(problem!.Advice, Is.Not.Empty);
        }

        string[] wrong = [.. faults.Select(fault => $"{fault.Role} ({fault.Role}.onnx)"), "energy", "acceptance"];
        Assert.That(findings.Where(finding => finding.Level >= FindingLevel.Warning).Select(finding => finding.Subject),
            Is.SubsetOf(wrong));
    }

    [Test]
    public void Bundle_WithNetworksOf0To255_IsTold_AndSoIsOneWhoseManifestSaysItAndNetworksAreOf0To1()
    {
        using var bytes = new WiredBundle("shapes");
        foreach (var role in new[] { "inner", "vae", "critic", "proposer" })
            bytes.Change(role, (graph, input) => graph.Before(input, ("Div", 255)));
        var findings = Run(bytes);
        foreach (var role in new[] { "inner", "vae", "proposer" })
        {
            var problem = findings.Single(finding => finding.Subject == $"{role} ({role}.onnx)");
            Assert.That(problem.Text, Does.Contain("was trained on pixel values of 0 to 255"));
            Assert.That(problem.Advice, Does.Contain("std 1/255"));
        }

        using var units = new WiredBundle("shapes");
        units.Manifest = units.Manifest with { Image = units.Manifest.Image with { Std = [1 / 255.0] } };
        findings = Run(units);
        foreach (var role in new[] { "vae", "proposer" })
            Assert.That(findings.Single(finding => finding.Subject == $"{role} ({role}.onnx)").Text,
                Does.Contain("was trained on pixel values of 0 to 1"));
    }

    [Test]
    public void Networks_WithInputsOfTheirOwn_AreTriedAsTheManifestSaysOfThem()
    {
        using var bundle = new WiredBundle("shapes");
        OnnxDimension[] last = ["N", 128, 128, 1];
        bundle.Change("vae", (graph, _) =>
        {
            graph.After("reconstruction", ("Mul", 255)).ChannelsLast("reconstruction", last);
            graph.Put(OnnxElementType.Float, last, (written, raw) => Scaled(written, First(written, raw), 1 / 255f));
        });
        bundle.Change("inner", (graph, _) => graph.Put(
            OnnxElementType.UInt8, last, (written, raw) => Scaled(written, First(written, Real(written, raw)), 1 / 255f)));
        // Both were trained on pixels of 0 to 1, and the manifest says 0 to 255 of the proposer.
        foreach (var role in new[] { "critic", "proposer" })
            bundle.Change(role, (graph, _) => graph.Put(OnnxElementType.Float, last, First));
        var models = bundle.Manifest.Models;
        var input = new InputSpec { Name = "raw", Layout = ChannelLayout.ChannelsLast };
        bundle.Manifest = bundle.Manifest with
        {
            Models = models with
            {
                Inner = models.Inner with { Input = input },
                Vae = models.Vae! with { Input = input with { Range = 255 } },
                Critic = models.Critic! with { Input = input },
                Proposer = models.Proposer! with { Input = input with { Range = 255 } },
            },
        };
        var findings = Run(bundle);
        Finding Of(string role) => findings.First(finding => finding.Subject == $"{role} ({role}.onnx)");
        foreach (var role in new[] { "inner", "vae", "critic" })
            Assert.That(Of(role).Level, Is.EqualTo(FindingLevel.Good), string.Join("\n", findings));
        Assert.That(Of("vae").Text, Does.Contain("in pixel values of"));
        Assert.That(Of("proposer").Text, Does.Contain("was trained on pixel values of 0 to 1"), string.Join("\n", findings));
        Assert.That(Of("proposer").Advice, Does.Contain(
            "set mean 0 and std 1 for each channel, with range 1, in the manifest's input of this network"));

        static string Real(OnnxGraph graph, string value) =>
            graph.AddNode("Cast", [value], "real", OnnxAttribute.Of("to", (long)OnnxElementType.Float));
        static string First(OnnxGraph graph, string value) =>
            graph.AddNode("Transpose", [value], "channels_first", OnnxAttribute.Of("perm", [0L, 3, 1, 2]));
        static string Scaled(OnnxGraph graph, string value, float by) =>
            graph.AddNode("Mul", [value, graph.AddInitializer(OnnxTensor.Scalar("unit", by))], "scaled");
    }

    [Test]
    public void Manifest_WithMeanAndStdOfBytes_IsTold()
    {
        using var bundle = new WiredBundle("shapes");
        bundle.Manifest = bundle.Manifest with { Image = bundle.Manifest.Image with { Mean = [123.675], Std = [58.395] } };
        var problem = Run(bundle).Single(finding => finding.Level == FindingLevel.Problem);
        Assert.That(problem.Text, Does.Contain("mean 123.675 and std 58.395 in the manifest are of pixel values of 0 to 255"));
    }

    /// <summary>A fit keeps a critic from 60 % of the pairs on: no diagnosis holds it against the bundle from there on.</summary>
    [TestCase(24, FindingLevel.Good, "is higher on the deformed image in 24 of 32 pairs")]
    [TestCase(23, FindingLevel.Note, "tells deformed from undeformed images better than chance, and not clearly: it is higher on the ")]
    [TestCase(20, FindingLevel.Note, "tells deformed from undeformed images better than chance, and not clearly: it is higher on the ")]
    [TestCase(19, FindingLevel.Warning, "does not tell deformed from undeformed images: it is higher on the deformed image in 19 of 32 ")]
    [TestCase(9, FindingLevel.Warning, "does not tell deformed from undeformed images: ")]
    [TestCase(8, FindingLevel.Problem, "is negated: it is higher on the deformed image in 8 of 32 pairs; ")]
    public void Critic_IsTakenAsAFitTakesIt(int rises, FindingLevel level, string text)
    {
        var finding = EnergyWiring.OfPairs("critic (critic.onnx)", new Pairs(rises, 32, 0), 32, isFitted: true);
        Assert.That((finding.Level, finding.Subject), Is.EqualTo((level, "critic (critic.onnx)")));
        Assert.That(finding.Text, Does.StartWith(text));
        Assert.That(finding.Advice.Contains("a longer --time", StringComparison.Ordinal), Is.EqualTo(rises is > 8 and < 24));
    }

    [Test]
    public void Energy_OfTheUser_ThatIsNegated_IsTold()
    {
        using var bundle = new WiredBundle("shapes");
        bundle.Change("critic", (graph, _) => graph.After("score", ("Mul", -1)));
        bundle.Manifest = bundle.Manifest with
        {
            Models = bundle.Manifest.Models with
            {
                Critic = null,
                Energy = new EnergyGraphSpec { File = "critic.onnx", Sha256 = "", Input = "image", Output = "score" },
            },
        };
        Assert.That(Run(bundle).Single(finding => finding.Subject == "energy (critic.onnx)").Text, Does.StartWith("is negated"));
    }

    [Test]
    public void Bundle_OfThisRepository_IsWiredWell()
    {
        var findings = WiringDiagnosis.Run(Repository.Bundle("shapes"), Shapes);
        TestContext.Out.WriteLine(string.Join(Environment.NewLine, findings));
        Assert.That(findings.Where(finding => finding.Level != FindingLevel.Good), Is.Empty);
        Assert.That(findings.Select(finding => finding.Subject), Is.SupersetOf(new[]
        {
            "images", "image", "inner (inner.onnx)", "vae (vae.onnx)", "critic (critic.onnx)", "energy", "acceptance",
            "proposer (proposer.onnx)",
        }));
    }

    [TestCase(0f)]
    [TestCase(0.5f)]
    [TestCase(1f)]
    public void Images_ThatAreFlat_AccuseNothing(float value)
    {
        var findings = WiringDiagnosis.Run(Repository.Bundle("shapes"), [.. Enumerable.Range(0, 8).Select(_ => Flat(value))]);
        Assert.That(findings.Where(finding => finding.Level == FindingLevel.Problem), Is.Empty);
        Assert.That(findings.Single(finding => finding.Level == FindingLevel.Warning).Text,
            Does.Contain("8 left out").And.Contain("0 are too few"));
    }

    [Test]
    public void Images_ThatAreFlat_AmongOthers_AreLeftOut()
    {
        var findings = WiringDiagnosis.Run(Repository.Bundle("shapes"), [.. Shapes, .. Enumerable.Range(0, 8).Select(_ => Flat(0))]);
        Assert.That(findings.Where(finding => finding.Level != FindingLevel.Good), Is.Empty);
        Assert.That(findings.Single(finding => finding.Subject == "images").Text, Does.Contain("8 left out"));
        findings = WiringDiagnosis.Run(Repository.Bundle("shapes"), [Shapes[0], .. Enumerable.Range(0, 4).Select(_ => Flat(0))]);
        Assert.That(findings.Where(finding => finding.Level == FindingLevel.Problem), Is.Empty);
        Assert.That(findings.Single(finding => finding.Level == FindingLevel.Warning).Text,
            Does.Contain("1 are too few to try the networks on"));
    }

    private static ImageBuffer Flat(float value) => new(1, 128, 128, [.. Enumerable.Repeat(value, 128 * 128)]);

    [Test]
    public void Networks_OfMinus1To1_AreNotSaidToBeOf0To255()
    {
        using var inner = new WiredBundle("shapes");
        inner.Change("inner", (graph, input) => graph.Before(input, ("Add", 1), ("Div", 2)));
        var text = Run(inner).Single(finding => finding.Level == FindingLevel.Problem).Text;
        Assert.That(text, Does.Contain("another range of values").And.Contain("-1 to 1").And.Not.Contain("255"));

        using var augmented = new WiredBundle("shapes");
        var models = BundleManifest.Load(Path.Combine(Repository.Bundle("shapes"), BundleManifest.FileName)).Models;
        augmented.Manifest = augmented.Manifest with { Models = models };
        augmented.Change("augmented", (graph, input) => graph.Before(input, ("Add", 1), ("Div", 2)));
        var problem = Run(augmented).Single(finding => finding.Level == FindingLevel.Problem);
        Assert.That((problem.Subject, problem.Text.Contains("-1 to 1", StringComparison.Ordinal)),
            Is.EqualTo(("augmented (augmented.onnx)", true)));

        using var all = new WiredBundle("shapes");
        foreach (var role in new[] { "inner", "vae", "critic", "proposer" })
            all.Change(role, (graph, input) => graph.Before(input, ("Add", 1), ("Div", 2)));
        all.Change("critic", (graph, _) => graph.After("score", ("Mul", -1)));
        var findings = Run(all);
        foreach (var role in new[] { "inner", "vae", "critic" })
        {
            Assert.That(findings.Single(finding => finding.Subject == $"{role} ({role}.onnx)").Text,
                Does.StartWith("was trained on pixel values of -1 to 1"));
        }

        Assert.That(findings.Single(finding => finding.Subject == "critic (critic.onnx)").Text, Does.Contain("It is negated, too"));
    }

    [Test]
    public void Manifest_WithNormalisation_OfNetworksWithoutOne_IsTold()
    {
        using var bundle = new WiredBundle("shapes");
        bundle.Manifest = bundle.Manifest with { Image = bundle.Manifest.Image with { Mean = [0.485], Std = [0.229] } };
        var findings = Run(bundle);
        foreach (var role in new[] { "inner", "vae", "proposer" })
        {
            var problem = findings.Single(finding => finding.Subject == $"{role} ({role}.onnx)");
            Assert.That(problem.Text, Does.StartWith("was trained on pixel values of 0 to 1,"));
            Assert.That(problem.Advice, Does.StartWith("set mean 0 and std 1 for"));
        }
    }

    [Test]
    public void Manifest_WithMeanAndLogVarianceSwapped_IsTold()
    {
        using var bundle = new WiredBundle("shapes");
        var vae = bundle.Manifest.Models.Vae!;
        bundle.Manifest = bundle.Manifest with
        {
            Models = bundle.Manifest.Models with { Vae = vae with { Mean = vae.LogVariance, LogVariance = vae.Mean } },
        };
        Assert.That(Run(bundle).Single(finding => finding.Level == FindingLevel.Problem).Text,
            Does.StartWith("mean and log-variance are swapped"));
    }

    [Test]
    public void Proposer_WithTwoFaults_IsToldBoth()
    {
        using var pixels = new WiredBundle("shapes");
        pixels.Change("proposer", (graph, _) => graph.After("velocity", ("Mul", 63.5f)).Swap("velocity"));
        Assert.That(Run(pixels).Single(finding => finding.Level == FindingLevel.Problem).Text,
            Does.StartWith("is in pixels and has its components swapped"));

        using var bytes = new WiredBundle("shapes");
        bytes.Change("proposer", (graph, input) => graph.Before(input, ("Div", 255)).After("velocity", ("Mul", -1)));
        Assert.That(Run(bytes).Single(finding => finding.Level == FindingLevel.Problem).Text,
            Does.StartWith("was trained on pixel values of 0 to 255").And.Contain("it is negated"));
    }

    [Test]
    public void Images_OutOfRange_AreToldBeforeAnythingElse()
    {
        ImageBuffer[] bytes =
            [.. Shapes.Select(image => new ImageBuffer(1, 128, 128, Array.ConvertAll(image.Data.ToArray(), value => value * 255)))];
        var problem = WiringDiagnosis.Run(Repository.Bundle("shapes"), bytes).Single(finding => finding.Level == FindingLevel.Problem);
        Assert.That((problem.Subject, problem.Advice), Is.EqualTo(("images", "divide them by 255")));
        Assert.That(problem.Text, Does.Contain("expected 0 to 1"));
    }

    [Test]
    public void FewImages_AreToldToBeTooFew() => Assert.That(
        WiringDiagnosis.Run(Repository.Bundle("shapes"), Shapes[..2]).Single(finding => finding.Subject == "images").Level,
        Is.EqualTo(FindingLevel.Warning));

    private static IReadOnlyList<Finding> Run(WiredBundle bundle, IReadOnlyList<ImageBuffer>? images = null)
    {
        var findings = WiringDiagnosis.Run(bundle.Build(), images ?? Shapes);
        TestContext.Out.WriteLine(string.Join(Environment.NewLine, findings));
        return findings;
    }


    [Test]
    public void Networks_ThatNobodyTrained_AreCalledSoAndNotWronglyNormalised()
    {
        using var bundle = new WiredBundle("shapes");
        foreach (var role in new[] { "inner", "vae", "critic", "proposer" })
        {
            var random = new Random(4);
            bundle.Change(role, (graph, _) => Draw(graph, random));
        }

        var findings = Run(bundle);
        Assert.That(findings.Where(finding => finding.Level == FindingLevel.Problem).Select(finding => finding.Subject),
            Is.SubsetOf(new[] { "energy" }));
        foreach (var role in new[] { "inner", "critic" })
        {
            var told = findings.Single(finding => finding.Subject == $"{role} ({role}.onnx)");
            Assert.That((told.Level, told.Advice),
                Is.EqualTo((FindingLevel.Warning, "check that the trained weights were loaded before the export")));
            Assert.That(told.Text, Does.StartWith("looks untrained: the weights of its layers (").And.Contain("undecided"));
        }
    }

    /// <summary>Weights as PyTorch begins with: even, to the inverse root of the number of inputs.</summary>
    private static void Draw(OnnxGraph graph, Random random)
    {
        foreach (var node in graph.Nodes.Where(node => node.OpType is "Conv" or "ConvTranspose" or "Gemm" or "MatMul").ToList())
        {
            if (!graph.Initializers.TryGetValue(node.Input(1), out var weights)) continue;
            var sizes = weights.Dimensions;
            var inputs = node.OpType == "MatMul" || (node.OpType == "Gemm" && node.GetInt("transB", 0) == 0)
                ? sizes[0] : sizes.Skip(1).Aggregate(1L, (product, size) => product * size);
            var range = 1 / Math.Sqrt(inputs);
            graph.AddInitializer(OnnxTensor.Create<float>(weights.Name, [.. sizes], [.. Enumerable.Range(0, (int)weights.Count)
                .Select(_ => (float)(range * ((2 * random.NextDouble()) - 1)))]));
        }
    }

    [TestCase("points", "", FindingLevel.Note, "without truth images do not tell the order and unit of coordinates")]
    [TestCase("boxes", "", FindingLevel.Note, "without truth images do not tell the order, unit and format of coordinates")]
    [TestCase("regression", "", FindingLevel.Note, "without truth images do not tell what the numbers mean")]
    [TestCase("regression", "Log", FindingLevel.Problem, "numbers are not finite on undeformed images")]
    [TestCase("points", "Sign", FindingLevel.Warning, "the same for all images")]
    public void Answers_ThatAreNoClasses_AreToldWhatWasCheckedAndWhatCannotBe(string kind, string after, FindingLevel level, string text)
    {
        using var bundle = new WiredBundle("shapes");
        bundle.Change("inner", (graph, input) =>
        {
            graph.Nodes.Clear();
            graph.Outputs.Clear();
            string Constant(string name, long[] shape, params float[] values) =>
                graph.AddInitializer(OnnxTensor.Create<float>(name, shape, values));
            var mean = graph.AddNode("Flatten", [graph.AddNode("GlobalAveragePool", [input], "pooled")], "flat");
            var numbers = graph.AddNode("Gemm", [mean, Constant("few", [1, 4], -1, -1, -2, -2)], "numbers");
            if (after.Length > 0) numbers = graph.AddNode(after, [numbers], "odd");
            long[] shape = kind switch { "points" => [0, 2, 2], "boxes" => [0, 1, 4], _ => [0, 4] };
            var sizes = graph.AddInitializer(OnnxTensor.Create<long>("sizes", [shape.Length], shape));
            graph.AddNode("Reshape", [numbers, sizes], "found");
            graph.Outputs.Add(new OnnxValueInfo("found", OnnxElementType.Float, ["N", .. shape.Skip(1).Select(OnnxDimension.Of)]));
        });
        var models = bundle.Manifest.Models;
        var output = new OutputSpec { Name = "found", Kind = Enum.Parse<OutputKind>(kind, ignoreCase: true) };
        bundle.Manifest = bundle.Manifest with { Models = models with { Inner = models.Inner with { Output = output } } };
        var finding = Run(bundle).Single(finding => finding.Subject == "inner (inner.onnx)");
        Assert.That(finding.Level, Is.EqualTo(level));
        Assert.That(finding.Text, Does.StartWith($"its {kind} 'found': ").And.Contain(text));
        Assert.That(finding.Advice, Is.Not.Empty);
    }
}
