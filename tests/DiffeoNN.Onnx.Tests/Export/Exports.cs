using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Export;

/// <summary>Exports and runs them, beside the library.</summary>
internal static class Exports
{
    public static readonly ExecutionOptions OneCore = new() { Device = ExecutionDevice.Cpu, Threads = 1 };

    /// <summary>Outputs of a model on images, by name.</summary>
    public static Dictionary<string, torch.Tensor> Run(
        OnnxModel model, torch.Tensor input, GraphOptimizationLevel level = GraphOptimizationLevel.ORT_ENABLE_ALL)
    {
        using var graph = Load(model, level);
        return Run(graph, input);
    }

    /// <summary>A model in ONNX Runtime; the caller disposes it.</summary>
    public static IGraph Load(OnnxModel model, GraphOptimizationLevel level = GraphOptimizationLevel.ORT_ENABLE_ALL) =>
        new OnnxRuntimeEngine(OneCore with { ConfigureSession = options => options.GraphOptimizationLevel = level }).Load(model, "export");

    /// <summary>Outputs of a loaded model on images, by name.</summary>
    public static Dictionary<string, torch.Tensor> Run(IGraph graph, torch.Tensor input) => new(
        graph.Run(new Dictionary<string, torch.Tensor> { [graph.Inputs[0].Name] = input }));

    public static float[] Floats(torch.Tensor tensor) => [.. tensor.to_type(torch.ScalarType.Float32).contiguous().data<float>()];

    /// <summary>Compares all outputs with what the library makes of the images.</summary>
    /// <param name="bundle">Its folder.</param>
    /// <param name="search">What the caller says.</param>
    /// <param name="images">Of the bundle's size.</param>
    /// <param name="tolerance">Of answers, images and displacements; energies are relative.</param>
    /// <returns>What the library says.</returns>
    public static IReadOnlyList<EquivariantImage> AssertLikeTheLibrary(
        string bundle, EquivariantOptions search, ImageBuffer[] images, double tolerance = 2e-5)
    {
        using var scope = torch.NewDisposeScope();
        var exported = ModelExporter.Export(Bundle.Load(bundle), new ExportOptions { Search = search });
        var found = Run(exported.Model, ImageTensor.ToTensor(images));
        using var model = EquivariantModel.Load(bundle, search with { Execution = OneCore });
        using var expected = model.Run(images);
        int[] maps = [.. Enumerable.Range(0, images.Length).Select(i => (int)found["accepted"].narrow(0, i, 1).sum().item<long>())];
        Assert.That(maps, Is.EqualTo(expected.Images.Select(image => image.Maps)), "accepted");
        Assert.That(Floats(found["canonical"]), Is.EqualTo(Floats(expected.Fields.Canonical)).Within(tolerance), "canonical");
        Assert.That(Floats(found["displacement"]), Is.EqualTo(Floats(expected.Fields.Displacement)).Within(tolerance), "displacement");
        Assert.That(Floats(found["inverse"]), Is.EqualTo(Floats(expected.Fields.InverseDisplacement)).Within(tolerance), "inverse");
        for (var i = 0; i < images.Length; i++)
        {
            var (image, energies) = (expected.Images[i], Floats(found["energy"].narrow(0, i, 1)));
            var answer = image.Output.Planes is { } planes ? planes.Data.ToArray() : image.Output.Scores!;
            Assert.That(Floats(found["answer"].narrow(0, i, 1)), Is.EqualTo(answer).Within(tolerance), $"answer {i}");
            var before = image.Canonicalisation.InputEnergy;
            Assert.That(energies[0], Is.EqualTo(before).Within(1e-5 * Math.Abs(before)), $"energy of image {i}");
            if (maps[i] == 0) continue;
            var after = image.Canonicalisation.Energy.After;
            Assert.That(energies[1], Is.EqualTo(after).Within(1e-4 * Math.Abs(before)), $"canonical energy {i}");
        }

        return expected.Images;
    }

    /// <summary>The network answers for whole images.</summary>
    public static void Classify(TinyBundle tiny)
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

    /// <summary>Makes proposals a number of times as large, which may be none.</summary>
    public static TinyBundle Propose(this TinyBundle tiny, double times) => tiny.Model("proposer", model =>
    {
        var graph = model.Graph;
        var output = graph.Outputs[0].Name;
        graph.Nodes.Single(node => node.Outputs.Contains(output)).Outputs[0] = "proposed_first";
        var factor = graph.AddInitializer(OnnxTensor.Scalar("times", double.IsFinite(times) ? (float)times : 0));
        graph.AddNode("Mul", ["proposed_first", factor], double.IsFinite(times) ? output : "zeros");
        if (double.IsNaN(times)) graph.AddNode("Div", ["zeros", "zeros"], output);
        if (double.IsInfinity(times)) graph.AddNode("Div", [graph.AddNode("Exp", ["zeros"], "ones"), "zeros"], output);
    });

    /// <summary>Smooth images of two channels, all different.</summary>
    public static ImageBuffer[] Images(int count, int height = 12, int width = 16, int channels = 2) =>
    [
        .. Enumerable.Range(0, count).Select(i =>
        {
            var image = new ImageBuffer(channels, height, width);
            for (var p = 0; p < height * width; p++)
            {
                var (y, x) = (p / width / (double)height, p % width / (double)width);
                for (var c = 0; c < channels; c++)
                    image.Plane(c)[p] = (float)(0.5 + (0.4 * Math.Sin((5 * x) + i + c) * Math.Cos((4 * y) - c)));
            }

            return image;
        }),
    ];
}
