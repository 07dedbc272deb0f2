using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
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
    public void WholeImageAnswers_AreTheMeanOverTheMapsThatAreUsed(AcceptanceRule rule)
    {
        using var tiny = new TinyBundle();
        tiny.Model("inner", model =>
        {
            model.Graph.AddNode("GlobalAveragePool", ["logits"], "pooled");
            model.Graph.AddNode("Flatten", ["pooled"], "scores");
            model.Graph.Outputs[0] = new OnnxValueInfo("scores", OnnxElementType.Float, ["N", OnnxDimension.Of(3)]);
        });
        tiny.Manifest(root => root["models"]!["inner"]!["output"] =
            new JsonObject { ["name"] = "scores", ["kind"] = "classification", ["activation"] = "softmax" });
        var options = Options with { Accept = rule, MinimumDecrease = 0 };
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

    [Test]
    public void ImagesOfAnotherSize_TakeTheOtherWayTogether()
    {
        var (expected, found) = Both(
            TinyBundle.Original, Options with { Accept = AcceptanceRule.Always }, [.. Images(1, 12, 16), .. Images(1, 31, 20)]);
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
