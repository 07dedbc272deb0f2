using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;

namespace DiffeoNN.Onnx.Tests.Export;

/// <summary>What cannot be one file is refused by name.</summary>
[TestFixture]
public sealed class ExportRefusalTests
{
    [Test]
    public void SearchesThatAGraphDoesNotKnow_AreRefused()
    {
        Refused(new ExportOptions { Search = new SearchSpec { Start = StartPoint.Multi } },
            "Bundle 'tiny' cannot be exported: it searches from several starts (start multi); choose start identity or proposer.");
        Refused(new ExportOptions { Search = new SearchSpec { TimeBudget = TimeSpan.FromSeconds(1) } },
            "Bundle 'tiny' cannot be exported: its search ends after a time (timeBudget), which a graph does not know; bound its steps.");
        Refused(new ExportOptions { Search = new SearchSpec { Padding = WarpPadding.Reflection } },
            "Bundle 'tiny' cannot be exported: its images are mirrored at their border (padding reflection); zeros and border can be "
            + "written.");
        Refused(new ExportOptions { Opset = 15 }, "Opset 15 was asked for; 16 to 22 can be written.");
        Refused(new ExportOptions { Outputs = [] }, "No output was asked for; choose at least one.");
    }

    [Test]
    public void NetworksOfAFixedBatch_AreRefused()
    {
        using var tiny = OtherInputs.Plain().OfBatch(3, isBound: true);
        var error = Assert.Throws<ExportException>(() => ModelExporter.Export(tiny.Load()));
        Assert.That(error.Message, Does.StartWith("Bundle 'tiny': network vae takes batches of 3 alone (")
            .And.EndWith("and an exported file takes any; export the network with a free first dimension (dynamic_axes or "
                + "dynamic_shapes)."));
    }

    [TestCase("sigmoid", true)]
    [TestCase("softmax", false)]
    public void TwoNamesOfClasses_DoNotTellOneScoreFromTwo(string activation, bool isRefused)
    {
        using var tiny = new TinyBundle();
        tiny.Model("inner", model => model.Graph.Outputs[0] = model.Graph.Outputs[0] with
        {
            Shape = ["N", "k", .. model.Graph.Outputs[0].Shape!.Skip(2)],
        });
        tiny.Manifest(root =>
        {
            root["models"]!["inner"]!["output"]!["activation"] = activation;
            root["models"]!["inner"]!["output"]!["classes"] = new JsonArray("below", "above");
        });
        if (isRefused)
        {
            Assert.That(() => ModelExporter.Export(tiny.Load()), Throws.TypeOf<ExportException>().With.Message.Contains(
                "neither file nor manifest say; export the network with fixed sizes but for the batch."));
        }
        else
        {
            var answer = ModelExporter.Export(tiny.Load()).Model.Graph.Outputs.Single(output => output.Name == "answer");
            Assert.That(answer.Shape![1].Size, Is.EqualTo(2));
        }
    }

    [Test]
    public void AnswersThatAreNotCarriedBackByGraphs_AreRefused()
    {
        using var tiny = new TinyBundle();
        tiny.Model("inner", model =>
        {
            model.Graph.AddNode("GlobalAveragePool", ["logits"], "pooled");
            var shape = model.Graph.AddInitializer(OnnxTensor.Int64s("pairs", 0, 1, 3));
            model.Graph.AddNode("Reshape", ["pooled", shape], "three");
            var two = model.Graph.AddInitializer(OnnxTensor.Int64s("two", 2));
            var start = model.Graph.AddInitializer(OnnxTensor.Int64s("start", 0));
            model.Graph.AddNode("Slice", ["three", start, two, two], "landmarks");
            model.Graph.Outputs[0] = new OnnxValueInfo("landmarks", OnnxElementType.Float, ["N", 1, 2]);
        });
        tiny.Manifest(root => root["models"]!["inner"]!["output"] = new JsonObject { ["name"] = "landmarks", ["kind"] = "points" });
        var error = Assert.Throws<ExportException>(() => ModelExporter.Export(tiny.Load()));
        Assert.That(error.Message, Is.EqualTo(
            "Bundle 'tiny' cannot be exported: its answers are points (output 'landmarks'); segmentations, pictures, classifications and "
            + "regressions can be."));
    }

    [Test]
    public void AnOpsetOlderThanANetworks_IsRefused_AndANewerOneTold()
    {
        using var tiny = new TinyBundle();
        tiny.Replace("critic", OpsetConverter.Convert(OnnxModel.Load(tiny.File("critic.onnx")), 18));
        var error = Assert.Throws<ExportException>(() => ModelExporter.Export(tiny.Load(), new ExportOptions { Opset = 17 }));
        Assert.That(error.Message, Is.EqualTo(
            "Bundle 'tiny': opset 17 was asked for, and an energy network is of opset 18; ask for 18 or later, or export the network for "
            + "an older opset."));
        var exported = ModelExporter.Export(tiny.Load());
        Assert.That(exported.Model.Opset, Is.EqualTo(18));
        Assert.That(exported.Warnings, Is.EqualTo(new[]
        {
            "The file is of opset 18, since an energy network is; runtimes that only know older ones refuse it.",
        }));
    }

    [Test]
    public void OperatorsOfOthers_AreTold()
    {
        using var tiny = new TinyBundle();
        tiny.Model("inner", model =>
        {
            var node = model.Graph.Nodes.Single(node => node.Outputs.Contains("logits"));
            node.Outputs[0] = "before";
            model.Graph.Nodes.Add(new OnnxNode("Gelu", ["before"], ["logits"]) { Domain = "com.microsoft" });
            model.OpsetImports["com.microsoft"] = 1;
        });
        var exported = ModelExporter.Export(tiny.Load());
        Assert.That(exported.Warnings, Is.EqualTo(new[]
        {
            "The file is not standard ONNX: network inner has operators of com.microsoft: Gelu; only runtimes that know these run it.",
        }));
        Assert.That(exported.Model.OpsetImports.Keys, Does.Contain("com.microsoft"));
    }

    private static void Refused(ExportOptions options, string message)
    {
        var error = Assert.Throws<ExportException>(() => ModelExporter.Export(Bundle.Load(TinyBundle.Original), options));
        Assert.That(error.Message, Is.EqualTo(message));
    }
}
