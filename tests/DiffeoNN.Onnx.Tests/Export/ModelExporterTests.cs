using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Export;

/// <summary>A bundle as one file does what the library does by its parts.</summary>
[TestFixture]
public sealed class ModelExporterTests
{
    private static readonly EquivariantOptions Proposals = new()
    {
        Start = StartPoint.Proposer, Steps = 0, Passes = 3, Average = true,
    };

    [TestCase(AcceptanceRule.Checked, true)]
    [TestCase(AcceptanceRule.Checked, false)]
    [TestCase(AcceptanceRule.Always, true)]
    public void Segmentations_AreThoseOfTheLibrary(AcceptanceRule rule, bool average)
    {
        var maps = Maps(
            TinyBundle.Original, Proposals with { Accept = rule, Average = average, MinimumDecrease = 0 }, Exports.Images(8));
        Assert.That(maps.Max(), Is.GreaterThan(0), "else nothing is carried back");
        if (rule == AcceptanceRule.Checked) Assert.That(maps.Distinct().Count(), Is.GreaterThan(1), "else all are alike");
    }

    [TestCase(0, AcceptanceRule.Checked, false)]
    [TestCase(0, AcceptanceRule.Always, true)]
    [TestCase(3, AcceptanceRule.Checked, true)]
    public void MembersWithWeights_CountAsInTheLibrary(int steps, AcceptanceRule rule, bool isClassification)
    {
        using var tiny = new TinyBundle();
        if (isClassification)
            Exports.Classify(tiny);
        var options = Proposals with
        {
            IdentityWeight = 0.5, SearchWeight = 3, Accept = rule, MinimumDecrease = 0, Fields = FieldEngine.Onnx,
            Refinement = new SearchSpec { Steps = steps, LearningRate = 0.01, Lattice = 5 },
        };
        var maps = Maps(tiny.Path, options, Exports.Images(8), steps > 0 ? 2e-3 : 2e-5);
        if (rule == AcceptanceRule.Checked) Assert.That(maps.Distinct().Count(), Is.GreaterThan(1), "else all are alike");
    }

    [Test]
    public void RefinementWithWeightsOfItsOwn_IsThatOfTheLibrary()
    {
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["optimiser"]!["refinement"] = new System.Text.Json.Nodes.JsonObject
        {
            ["entropy"] = 500.0, ["adversarial"] = 0.0, ["steps"] = 4, ["learningRate"] = 0.01,
        });
        var options = new EquivariantOptions
        {
            Start = StartPoint.Proposer, Passes = 2, Average = true, MinimumDecrease = 0, Lattice = 5, Fields = FieldEngine.Onnx,
        };
        Assert.That(Maps(tiny.Path, options, Exports.Images(5), 2e-3).Max(), Is.GreaterThan(0), "else nothing was found");
    }

    [Test]
    public void Classifications_AreThoseOfTheLibrary()
    {
        using var tiny = new TinyBundle();
        Exports.Classify(tiny);
        var maps = Maps(tiny.Path, Proposals with { MinimumDecrease = 0 }, Exports.Images(8));
        Assert.That(maps.Distinct().Count(), Is.GreaterThan(1), "else all are alike");
    }

    /// <summary>Faster velocities take more squarings, or are built again, with less of them, or refused.</summary>
    [TestCase(0)]
    [TestCase(5)]
    [TestCase(10)]
    [TestCase(20)]
    [TestCase(60)]
    [TestCase(300)]
    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void VelocitiesOfAnySpeed_AreRepairedAndRefusedAsByTheLibrary(double times)
    {
        using var tiny = new TinyBundle().Propose(times);
        var images = Exports.AssertLikeTheLibrary(
            tiny.Path, Proposals with { Accept = AcceptanceRule.Always, Squarings = 2, Passes = 2 }, Exports.Images(6), 1e-4);
        var repaired = images.Count(image => image.Maps > 0 && image.Canonicalisation.VelocityScale < 1);
        var faster = images.Count(image => image.Canonicalisation.Squarings > 2);
        Assert.That((repaired > 0, faster > 0, images.All(image => image.Maps == 0)), Is.EqualTo(
            (times is 5 or 10 or 20, times > 0 && double.IsFinite(times), times is 60 or 300 || !double.IsFinite(times))));
    }

    [TestCase(StartPoint.Identity, FieldKind.Lattice, 20)]
    [TestCase(StartPoint.Identity, FieldKind.Siren, 5)]
    [TestCase(StartPoint.Proposer, FieldKind.Lattice, 12)]
    [TestCase(StartPoint.Identity, FieldKind.Lattice, 0)]
    public void Searches_AreThoseOfTheLibrary(StartPoint start, FieldKind field, int steps)
    {
        var options = Proposals with
        {
            Start = start, Field = field, Steps = steps, Lattice = 5, LearningRate = 0.01, Passes = 2, MinimumDecrease = 0,
            Fields = FieldEngine.Onnx, Patience = 3, Tolerance = 0.002, Refinement = new SearchSpec { Steps = steps },
        };
        var maps = Maps(TinyBundle.Original, options, Exports.Images(5), 2e-3);
        if (steps > 0) Assert.That(maps.Max(), Is.GreaterThan(0), "else nothing was found");
    }

    /// <summary>Some rows are refused, some folded, some no numbers.</summary>
    [TestCase(0, 1)]
    [TestCase(4, 1)]
    [TestCase(0, 20)]
    public void RowsOfABatch_AreThoseOfTheirOwnRuns(int steps, double times)
    {
        using var tiny = new TinyBundle().Propose(times);
        using var scope = torch.NewDisposeScope();
        var options = Proposals with { Steps = steps, MinimumDecrease = 0, Squarings = 2, Refinement = new SearchSpec { Steps = steps } };
        using var model = Exports.Load(ModelExporter.Export(tiny.Load(), new ExportOptions { Search = options }).Model);
        var images = Exports.Images(64);
        images[2].Plane(0)[17] = float.NaN;
        images[5].Data.Fill(float.PositiveInfinity);
        var batch = Exports.Run(model, ImageTensor.ToTensor(images));
        Assert.That(batch["accepted"].sum(1).to_type(torch.ScalarType.Int64).data<long>().ToArray().Distinct().Count(),
            Is.GreaterThan(1), "else all are alike");
        for (var i = 0; i < images.Length; i++)
        {
            var own = Exports.Run(model, ImageTensor.ToTensor(images[i]));
            foreach (var (name, value) in own)
            {
                Assert.That(
                    Exports.Floats(batch[name].narrow(0, i, 1)), Is.EqualTo(Exports.Floats(value)).Within(1e-5),
                    $"{name} of row {i}");
            }
        }
    }

    private static int[] Maps(string bundle, EquivariantOptions options, ImageBuffer[] images, double tolerance = 2e-5) =>
        [.. Exports.AssertLikeTheLibrary(bundle, options, images, tolerance).Select(image => image.Maps)];

    [Test]
    public void WhereNoImageMayBeMoved_TheNetworkAloneAnswers()
    {
        using var scope = torch.NewDisposeScope();
        var images = Exports.Images(3);
        var model = ModelExporter.Export(
            Bundle.Load(TinyBundle.Original), new ExportOptions { Search = Proposals with { CanonicalBelow = 1e9 } }).Model;
        var found = Exports.Run(model, ImageTensor.ToTensor(images));
        using var library = EquivariantModel.Load(TinyBundle.Original, Proposals with { Execution = Exports.OneCore });
        var alone = library.RunNaive(images);
        Assert.That(found["accepted"].any().item<bool>(), Is.False);
        Assert.That(Exports.Floats(found["canonical"]), Is.EqualTo(images.SelectMany(image => image.Data.ToArray())));
        Assert.That(Exports.Floats(found["displacement"]), Is.All.Zero);
        for (var i = 0; i < images.Length; i++)
            Assert.That(Exports.Floats(found["answer"].narrow(0, i, 1)), Is.EqualTo(alone[i].Planes!.Data.ToArray()).Within(1e-6));
        var energies = Exports.Floats(found["energy"]);
        Assert.That(energies[0], Is.EqualTo(energies[1]).And.Not.Zero);
    }

    [Test]
    public void AllOptimisationsOfTheRuntime_LeaveTheAnswers()
    {
        using var scope = torch.NewDisposeScope();
        var model = ModelExporter.Export(
            Bundle.Load(TinyBundle.Original),
            new ExportOptions
            {
                Search = Proposals with { Steps = 3, MinimumDecrease = 0, Refinement = new SearchSpec { Steps = 3 } },
            }).Model;
        var images = ImageTensor.ToTensor(Exports.Images(4));
        var expected = Exports.Run(model, images, GraphOptimizationLevel.ORT_DISABLE_ALL);
        foreach (var level in Enum.GetValues<GraphOptimizationLevel>())
        {
            foreach (var (name, value) in Exports.Run(model, images, level))
                Assert.That(Exports.Floats(value), Is.EqualTo(Exports.Floats(expected[name])).Within(1e-4), $"{name} at {level}");
        }
    }

    [TestCase(null, 17, 8)]
    [TestCase(16, 16, 8)]
    [TestCase(20, 20, 9)]
    [TestCase(22, 22, 10)]
    public void Files_HaveTheVersionAskedFor_AndStandardOperatorsAlone(int? asked, int opset, int format)
    {
        using var scope = torch.NewDisposeScope();
        var exported = ModelExporter.Export(
            Bundle.Load(TinyBundle.Original), new ExportOptions { Opset = asked, Search = Proposals with { MinimumDecrease = 0 } });
        Assert.That(exported.Warnings, Is.Empty);
        Assert.That((exported.Model.Opset, exported.Model.IrVersion), Is.EqualTo((opset, format)));
        Assert.That(exported.Model.OpsetImports.Keys, Is.EqualTo(new[] { "" }));
        Assert.That(exported.Model.Functions, Is.Empty);
        var answers = Exports.Run(exported.Model, ImageTensor.ToTensor(Exports.Images(2)))["answer"];
        Assert.That(answers.shape, Is.EqualTo(new long[] { 2, 3, 12, 16 }));
    }

    [Test]
    public void Outputs_AreThoseAskedFor_AndWhatTheyDoNotNeedIsLeftOut()
    {
        var bundle = Bundle.Load(TinyBundle.Original);
        var all = ModelExporter.Export(bundle).Model.Graph;
        var one = ModelExporter.Export(bundle, new ExportOptions { Outputs = [ExportOutput.Accepted] }).Model.Graph;
        Assert.That(all.Outputs.Select(output => output.Name), Is.EqualTo(
            new[] { "answer", "canonical", "displacement", "inverse", "energy", "accepted" }));
        Assert.That(one.Outputs.Select(output => output.Name), Is.EqualTo(new[] { "accepted" }));
        Assert.That(one.Initializers.Values.Sum(tensor => tensor.ByteLength), Is.LessThan(all.Initializers.Values.Sum(t => t.ByteLength)));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Naive_IsTheNetworksOwnAnswer(bool isClassification)
    {
        using var scope = torch.NewDisposeScope();
        using var tiny = new TinyBundle();
        if (isClassification) Exports.Classify(tiny);
        var exported = ModelExporter.Export(Bundle.Load(tiny.Path), new ExportOptions
        {
            Search = Proposals with { MinimumDecrease = 0 }, Outputs = [ExportOutput.Answer, ExportOutput.Naive],
        });
        var images = Exports.Images(3);
        var found = Exports.Run(exported.Model, ImageTensor.ToTensor(images));
        using var model = EquivariantModel.Load(tiny.Path, new EquivariantOptions { Execution = Exports.OneCore });
        float[] expected = [.. model.RunNaive(images)
            .SelectMany(output => output.Planes is { } planes ? planes.Data.ToArray() : output.Scores!)];
        Assert.That(Exports.Floats(found["naive"]), Is.EqualTo(expected).Within(1e-6));
        Assert.That(Exports.Floats(found["answer"]), Is.Not.EqualTo(expected).Within(1e-4), "maps count");
        Assert.That(found["naive"].shape, Is.EqualTo(found["answer"].shape));
    }

    [Test]
    public void Files_SayWhatTheyAre()
    {
        using var folder = new TemporaryFolder();
        var bundle = Bundle.Load(TinyBundle.Original);
        ModelExporter.Export(bundle, new ExportOptions { Search = new SearchSpec { Passes = 2 } }).Model.Save(folder["tiny.onnx"]);
        var model = OnnxModel.Load(folder["tiny.onnx"]);
        Assert.That(model.DocString, Does.Contain("tiny").And.Contain("Untrained networks for tests."));
        Assert.That(model.Graph.Inputs[0].DocString, Does.Contain("[0, 1]"));
        Assert.That(model.Graph.Outputs.Select(output => output.DocString), Is.All.Not.Empty);
        Assert.That(model.Metadata["diffeonn.bundle"], Is.EqualTo("tiny"));
        Assert.That(model.Metadata["diffeonn.network.inner.sha256"], Is.EqualTo(bundle.Manifest.Models.Inner.Sha256));
        var manifest = Bundle.Hash(Path.Combine(bundle.Folder, BundleManifest.FileName));
        Assert.That(model.Metadata["diffeonn.manifest.sha256"], Is.EqualTo(manifest));
        Assert.That(model.Metadata["diffeonn.settings"], Does.Contain("\"passes\":2"));
        Assert.That(model.Metadata["diffeonn.classes"], Is.EqualTo("a\nb\nc"));
        string[] stages =
            ["energy/", "candidates/", "proposer/pass0/", "proposer/pass1/", "certificate/", "acceptance/", "answer/network/"];
        foreach (var stage in stages)
            Assert.That(model.Graph.Nodes.Any(node => node.Name.StartsWith(stage, StringComparison.Ordinal)), stage);
    }

    [TestCase("genus")]
    [TestCase("lungs")]
    [TestCase("shapes")]
    public void Files_AreLittleLargerThanTheirNetworks(string name)
    {
        var bundle = Bundle.Load(Repository.Bundle(name));
        var bytes = ModelExporter.Export(bundle).Model.ToBytes().LongLength;
        var networks = bundle.Roles.Where(role => role != BundleRole.Augmented).Sum(role => new FileInfo(bundle.PathOf(role)).Length);
        Assert.That(bytes / (double)networks, Is.LessThan(1.05));
    }
}
