using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Tests.Bundles;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>A bundle's network by itself. Those of the tiny bundle take two channels of 12 x 16, of mean 0.25, 0.5 and deviation 0.5,
/// 0.25.</summary>
public sealed class NetworkTests
{
    private static readonly OnnxRuntimeEngine Engine = new(new ExecutionOptions { Device = ExecutionDevice.Cpu });

    [Test]
    public void OnValues_TakesWhatOnOwnPixelsMakesOfPixels()
    {
        using var scope = torch.NewDisposeScope();
        var bundle = Bundle.Load(TinyBundle.Original);
        using var ofPixels = Network.OnOwnPixels(bundle, BundleRole.Inner, Engine);
        using var ofValues = Network.OnValues(bundle, BundleRole.Inner, Engine);
        using var random = new torch.Generator(4);
        var pixels = torch.rand([3, 2, 12, 16], generator: random);
        var (mean, std) = (torch.tensor(new[] { 0.25f, 0.5f }).view(1, 2, 1, 1), torch.tensor(new[] { 0.5f, 0.25f }).view(1, 2, 1, 1));

        var expected = ofPixels.Run(pixels, "logits", default);
        var found = ofValues.Run((pixels - mean) / std, "logits", default);

        Assert.That((found - expected).abs().max().item<float>(), Is.LessThan(1e-5));
        Assert.That((ofValues.Run(pixels, "logits", default) - expected).abs().max().item<float>(), Is.GreaterThan(1e-2),
            "pixels are not what it takes");
    }

    [Test]
    public void OnImages_OfANetworkOfAnotherSize_ResizesTheBundlesImages()
    {
        using var scope = torch.NewDisposeScope();
        using var tiny = new TinyBundle();
        tiny.Manifest(root => root["models"]!["proposer"]!["input"] = new System.Text.Json.Nodes.JsonObject
        {
            ["name"] = "image", ["height"] = 24, ["width"] = 32,
        });
        tiny.Model("proposer", model => model.Graph.Inputs[0] = new OnnxValueInfo("image", OnnxElementType.Float, ["N", 2, 24, 32]));
        var bundle = tiny.Load();
        using var onImages = Network.OnImages(bundle, BundleRole.Proposer, Engine);
        using var onOwn = Network.OnOwnPixels(bundle, BundleRole.Proposer, Engine);
        using var random = new torch.Generator(4);
        var pixels = torch.rand([2, 2, 12, 16], generator: random);

        var found = onImages.Run(pixels, "velocity", default);
        var expected = onOwn.Run(new NetworkPixels(onOwn.Format, bundle.Image).Of(pixels), "velocity", default);

        Assert.That((found - expected).abs().max().item<float>(), Is.LessThan(1e-5));
        Assert.That(() => onOwn.Run(pixels, "velocity", default), Throws.TypeOf<GraphException>().With.Message.Contains("24"));
    }

    [Test]
    public void Run_GivesFloatsAsFloat32_AndNumbersOfOtherTypesAsTheyAre()
    {
        using var scope = torch.NewDisposeScope();
        using var tiny = new TinyBundle();
        tiny.Model("inner", model =>
        {
            var graph = model.Graph;
            graph.AddNode("Cast", ["logits"], "wide", OnnxAttribute.Of("to", (long)OnnxElementType.Double));
            graph.AddNode("ArgMax", ["logits"], "labels", OnnxAttribute.Of("axis", 1L), OnnxAttribute.Of("keepdims", 0L));
            graph.Outputs.Add(new OnnxValueInfo("wide", OnnxElementType.Double, ["N", 3, 12, 16]));
            graph.Outputs.Add(new OnnxValueInfo("labels", OnnxElementType.Int64, ["N", 12, 16]));
        });
        using var network = Network.OnOwnPixels(tiny.Load(), BundleRole.Inner, Engine);
        using var random = new torch.Generator(4);
        var pixels = torch.rand([2, 2, 12, 16], generator: random);

        var (logits, wide, labels) = (Run("logits"), Run("wide"), Run("labels"));

        Assert.That((logits.dtype, wide.dtype, labels.dtype),
            Is.EqualTo((torch.ScalarType.Float32, torch.ScalarType.Float32, torch.ScalarType.Int64)));
        Assert.That(wide.data<float>().ToArray(), Is.EqualTo(logits.data<float>().ToArray()));
        Assert.That(labels.data<long>().ToArray(), Is.EqualTo(logits.argmax(1).data<long>().ToArray()));
        Assert.That(
            (network.IsFloat32("logits"), network.IsFloat32("wide"), network.IsFloat32("labels")), Is.EqualTo((true, false, false)));
        var asTheyAre = network.Run(pixels, ["wide", "labels"], default);
        Assert.That(asTheyAre.Keys, Is.EquivalentTo(new[] { "wide", "labels" }));
        Assert.That(asTheyAre["wide"].dtype, Is.EqualTo(torch.ScalarType.Float64));

        torch.Tensor Run(string output) => network.Run(pixels, output, default);
    }
}
