using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation;
using DiffeoNN.Onnx.Validation.Blame;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>Models in the form that newer exporters write: weights in a second file, modules as local functions,
/// operator set 18 and later.</summary>
[TestFixture]
internal sealed class NewerExporterTests
{
    private static readonly string Reference = Path.Combine(Repository.Root, "tests", "DiffeoNN.Onnx.Tests", "Fixtures", "reference");

    private static ValidationOptions Options =>
        new() { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 }, Reference = Reference };

    [TestCase(18)]
    [TestCase(20)]
    [TestCase(22)]
    public void Validate_OfExternalDataAndLocalFunctions_Agrees(int opset)
    {
        using var folder = new TemporaryFolder();
        Save(folder, opset, slope: null);
        Assert.That(folder.Files(), Has.Length.EqualTo(2), "a model and its data");

        var report = Validator.Run(folder["model.onnx"], Options with { BlameFolder = folder["blame"] });

        var graph = report.Graphs.Single();
        Assert.That(report.Passed, Is.True,
            string.Join("; ", graph.Skipped) + string.Join("; ", graph.Blames.Select(blame => blame.Finding)));
        Assert.That(graph.Skipped.Select(source => source.Source), Is.Empty, "every source takes part");
        Assert.That(graph.Comparisons.Select(comparison => comparison.Source).Distinct(),
            Is.SupersetOf(new[] { ValidationSources.OnnxRuntime, ValidationSources.Torch, ValidationSources.Compiled }));
    }

    [Test]
    public void Validate_OfAFaultInsideALocalFunction_BlamesTheNodeInIt()
    {
        using var folder = new TemporaryFolder();
        Save(folder, 18, slope: 0.02f);
        var blame = Validator.Run(folder["model.onnx"], Options with { Gradients = false, BlameFolder = folder["blame"] }).Graphs
            .Single().Blames.Single();
        Assert.That(blame.Nodes.Select(node => node.Name), Is.EqualTo(new[] { "Activation_0/inner" }), blame.Finding);
    }

    [Test]
    public void Validate_OfRandomNodes_TakesTheirMeanAndSaysSo()
    {
        using var folder = new TemporaryFolder();
        var model = new OnnxModel { IrVersion = 8 };
        model.OpsetImports[""] = 17;
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 4]));
        model.Graph.AddNode("RandomNormalLike", ["x"], "noise");
        model.Graph.AddNode("Add", ["x", "noise"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 4]));
        model.Save(folder["model.onnx"]);
        var report = Validator.Run(folder["model.onnx"], Options with { Reference = null, BlameFolder = folder["blame"] });
        Assert.That(report.Passed, Is.True);
        Assert.That(report.Graphs.Single().Assumptions,
            Has.Some.Contains("random nodes stand at their mean, as in a bundle: RandomNormalLike"));
    }

    [Test]
    public void Validate_WithoutTheDataFile_NamesTheFile()
    {
        using var folder = new TemporaryFolder();
        Save(folder, 18, slope: null);
        var data = folder.Files().Single(file => file != "model.onnx");
        File.Delete(folder[data]);
        Assert.That(() => Validator.Run(folder["model.onnx"], Options),
            Throws.InstanceOf<OnnxModelException>().With.Message.Contains(data));
    }

    /// <summary>The fixture's network, raised to a newer operator set, its first activation as a call of a local function,
    /// its weights in a file of their own.</summary>
    private static void Save(TemporaryFolder folder, int opset, float? slope)
    {
        var model = OpsetConverter.Convert(OnnxModel.Load(Path.Combine(Reference, "model.onnx")), opset);
        var node = model.Graph.Nodes.Single(found => found.Name == "/first/act/LeakyRelu");
        var body = new OnnxNode("LeakyRelu", ["x"], ["y"], OnnxAttribute.Of("alpha", slope ?? node.GetFloat("alpha", 0.01f)))
            { Name = "inner" };
        model.Functions.Add(
            new OnnxFunction("network", "Activation", "", ["x"], ["y"], [body], [], new Dictionary<string, long> { [""] = opset }));
        model.OpsetImports["network"] = 1;
        model.Graph.Nodes[model.Graph.Nodes.IndexOf(node)] = new OnnxNode("Activation", node.Inputs, node.Outputs)
        {
            Domain = "network",
            Name = node.Name,
        };
        model.SaveWithExternalData(folder["model.onnx"], threshold: 64);
    }
}
