using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>Proposals, maps and answers as one chain of graphs, against the same by libtorch.</summary>
public sealed class GraphPipelineTests
{
    private static readonly EquivariantOptions Options = new()
    {
        Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 }, Start = StartPoint.Proposer, Steps = 0, Passes = 2,
        Average = true,
    };

    [TestCase(AcceptanceRule.Always)]
    [TestCase(AcceptanceRule.Checked)]
    public void AnswersForImagesAsTheyAre_CountByTheirWeight(AcceptanceRule rule)
    {
        var options = Options with { Accept = rule, MinimumDecrease = 0, IdentityWeight = 0.5 };
        var (expected, found) = Both(TinyBundle.Original, options, Images(8, 12, 16));
        using (expected)
        using (found)
        {
            for (var i = 0; i < found.Images.Count; i++)
                Assert.That(found.Images[i].Output.Planes!.Data.ToArray(),
                    Is.EqualTo(expected.Images[i].Output.Planes!.Data.ToArray()).Within(1e-4), $"image {i}");
        }
    }

    [TestCase(AcceptanceRule.Always, 0)]
    [TestCase(AcceptanceRule.Checked, 0)]
    [TestCase(AcceptanceRule.Checked, 0.5)]
    public void WholeImageAnswers_AreTheMeanOverTheMapsThatAreUsed(AcceptanceRule rule, double identity)
    {
        using var tiny = new TinyBundle();
        Classify(tiny);
        var options = Options with { Accept = rule, MinimumDecrease = 0, IdentityWeight = identity };
        var (expected, found) = Both(tiny.Path, options, Images(8, 12, 16));
        using (expected)
        using (found)
        {
            var maps = found.Images.Select(image => image.Maps).ToArray();
            Assert.That(maps, Is.EqualTo(expected.Images.Select(image => image.Maps)));
            if (rule == AcceptanceRule.Checked) Assert.That(maps.Distinct().Count(), Is.GreaterThan(1), "else all are alike");
            for (var i = 0; i < maps.Length; i++)
            {
                Assert.That(found.Images[i].Output.Scores, Is.EqualTo(expected.Images[i].Output.Scores!).Within(1e-5), $"image {i}");
                Assert.That(found.Images[i].CanonicalOutput.Scores, Is.EqualTo(expected.Images[i].CanonicalOutput.Scores!).Within(1e-5));
                Assert.That(found.Images[i].Output.Scores!.Sum(), Is.EqualTo(1).Within(1e-5), "probabilities");
            }

            Assert.That(found.InferenceTime, Is.GreaterThan(TimeSpan.Zero));
            Assert.That(expected.InferenceTime, Is.GreaterThan(TimeSpan.Zero));
        }
    }

    /// <summary>Other rows, other columns, or both.</summary>
    [TestCase(31, 20)]
    [TestCase(12, 20)]
    [TestCase(31, 16)]
    public void ImagesOfAnotherSize_TakeTheOtherWayTogether(int height, int width)
    {
        var (expected, found) = Both(
            TinyBundle.Original, Options with { Accept = AcceptanceRule.Always }, [.. Images(1, 12, 16), .. Images(1, height, width)]);
        using (expected)
        using (found)
        {
            for (var i = 0; i < 2; i++)
            {
                Assert.That((found.Images[i].Output.Height, found.Images[i].Output.Width),
                    Is.EqualTo((expected.Images[i].Output.Height, expected.Images[i].Output.Width)));
                Assert.That(found.Images[i].Output.Planes!.Data.ToArray(),
                    Is.EqualTo(expected.Images[i].Output.Planes!.Data.ToArray()).Within(1e-3));
            }
        }
    }

    /// <summary>What stays on the device is no tensor of libtorch: images of the bundle's size take the graphs' way, others do not.
    /// Of whole images the answers are on the host, on the images and on the canonical ones.</summary>
    [TestCase("segmentation", 0)]
    [TestCase("classification", 2)]
    public void Canonicalise_ByGraphs_FetchesNoFieldsUntilTheyAreAskedFor(string kind, int answers)
    {
        using var tiny = new TinyBundle();
        if (kind == "classification") Classify(tiny);
        using var model = EquivariantModel.Load(tiny.Path, Options with { Accept = AcceptanceRule.Always, Fields = FieldEngine.Onnx });
        Assert.That(Fetched(Images(2, 12, 16)), Is.EqualTo(answers), "on the device");
        Assert.That(Fetched(Images(2, 12, 20)), Is.GreaterThan(answers), "of another size, by the model's parts");

        long Fetched(ImageBuffer[] images)
        {
            ScaledImage[] prepared = [.. images.Select(model.Prepare)];
            var before = LiveTensors.Settled();
            using var batch = model.Canonicalise(prepared);
            var held = torch.Tensor.TotalCount - before;
            Assert.That(batch.Fields.Displacement.shape, Is.EqualTo(new long[] { 2, 2, 12, 16 }));
            Assert.That(torch.Tensor.TotalCount - before, Is.GreaterThan(answers), "fields are tensors");
            return held;
        }
    }

    [Test]
    public void NumbersThatAreNotFinite_AreCountedInAnswersOfGraphs()
    {
        using var tiny = new TinyBundle();
        Classify(tiny);
        tiny.Model("inner", model =>
        {
            model.Graph.AddNode("Sqrt", ["scores"], "roots");
            model.Graph.AddNode("Sub", ["roots", "roots"], "zeros");
            model.Graph.AddNode("Div", ["zeros", "zeros"], "nothing");
            model.Graph.Outputs[0] = new OnnxValueInfo("nothing", OnnxElementType.Float, ["N", OnnxDimension.Of(3)]);
        });
        tiny.Manifest(root => root["models"]!["inner"]!["output"] = new JsonObject { ["name"] = "nothing", ["kind"] = "regression" });
        var (expected, found) = Both(tiny.Path, Options with { Accept = AcceptanceRule.Always }, Images(1, 12, 16));
        using (expected)
        using (found)
        {
            foreach (var output in new[] { expected.Images[0].Output, found.Images[0].Output })
                Assert.That((output.NotFinite > 0, output.IsFinite), Is.EqualTo((true, false)));
        }
    }

    private static void Classify(TinyBundle tiny)
    {
        tiny.Model("inner", model =>
        {
            model.Graph.AddNode("GlobalAveragePool", ["logits"], "pooled");
            model.Graph.AddNode("Flatten", ["pooled"], "scores");
            model.Graph.Outputs[0] = new OnnxValueInfo("scores", OnnxElementType.Float, ["N", OnnxDimension.Of(3)]);
        });
        tiny.Manifest(root => root["models"]!["inner"]!["output"] =
            new JsonObject { ["name"] = "scores", ["kind"] = "classification", ["activation"] = "softmax" });
    }

    private static (EquivariantResult ByTorch, EquivariantResult ByGraphs) Both(
        string path, EquivariantOptions options, ImageBuffer[] images)
    {
        using var byTorch = EquivariantModel.Load(path, options with { Fields = FieldEngine.Torch });
        using var byGraphs = EquivariantModel.Load(path, options with { Fields = FieldEngine.Onnx });
        Assert.That(
            (byTorch.Plan.FromIdentity.Fields, byGraphs.Plan.FromIdentity.Fields), Is.EqualTo((FieldEngine.Torch, FieldEngine.Onnx)));
        return (byTorch.Run(images), byGraphs.Run(images));
    }

    private static ImageBuffer[] Images(int count, int height, int width) =>
    [
        .. Enumerable.Range(0, count).Select(i =>
        {
            var image = new ImageBuffer(2, height, width);
            for (var p = 0; p < height * width; p++)
            {
                var (y, x) = (p / width / (double)height, p % width / (double)width);
                image.Plane(0)[p] = (float)(0.5 + (0.4 * Math.Sin((5 * x) + i) * Math.Cos(4 * y)));
                image.Plane(1)[p] = (float)(0.5 + (0.4 * Math.Cos((3 * x) - (6 * y) + i)));
            }

            return image;
        }),
    ];
}
