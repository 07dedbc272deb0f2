using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation;
using DiffeoNN.Onnx.Validation.Blame;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>Faults of gradient rules are found and blamed on the nodes whose rule it is, with and without libtorch as the judge.</summary>
[TestFixture]
internal sealed class PlantedGradientFaultTests
{
    [TestCase("Tanh", "tanh", true)]
    [TestCase("Tanh", "tanh", false)]
    [TestCase("Sigmoid", "gate", true)]
    [TestCase("BatchNormalization", "norm", true)]
    [TestCase("AveragePool", "pool", true)]
    [TestCase("AveragePool", "pool", false)]
    [TestCase("ConvTranspose", "up", true)]
    [TestCase("InstanceNormalization", "instance", true)]
    public void Validate_WithARuleOfTheWrongSign_BlamesItsNode(string opType, string node, bool withTorch)
    {
        using var folder = new TemporaryFolder();
        var report = FaultModels.Validate(FaultModels.Network(), Engines(opType, withTorch),
            new ValidationOptions { Execution = FaultModels.Execution, BlameFolder = folder["blame"] });

        Assert.That(report.Passed, Is.False, string.Join("; ", report.Skipped));
        Assert.That(report.Comparisons.Where(comparison => comparison.Quantity == ComparedQuantity.Output),
            Has.All.Property(nameof(SourceComparison.Tensor)).Property(nameof(TensorComparison.Agrees)).True);
        Assert.That(report.Differences.Select(difference => difference.Agrees), Is.EqualTo(new[] { false }),
            string.Join("; ", report.Skipped));
        var blame = report.Blames.Single();
        Assert.That(blame.Nodes, Is.EqualTo(new[] { new BlamedNode(node, opType) }), blame.Finding);
        Assert.That((blame.Quantity, blame.Source, blame.Confirmed),
            Is.EqualTo((ComparedQuantity.Gradient, ValidationSources.Compiled, true)));
        Assert.That(blame.Baseline, Is.EqualTo(withTorch ? ValidationSources.Torch : ValidationSources.Differences));
        Assert.That(blame.Finding, Does.Contain("is wrong in compiled").And.Contain($"gradient rule of {opType}"));

        // What was saved holds the right derivative, and the backward graph that misses it.
        var part = OnnxModel.Load(Path.Combine(blame.Folder!, "model.onnx"));
        Assert.That(part.Graph.Nodes.Select(n => n.Name), Is.EqualTo(new[] { node }));
        Assert.That(File.Exists(Path.Combine(blame.Folder!, "gradient.onnx")), Is.True);
        var set = ReferenceSet.Load(blame.Folder!, part.Graph).Single();
        Assert.That(set.Upstream, Has.Count.EqualTo(1));
        Assert.That(set.Gradients, Has.Count.EqualTo(1));
    }

    [Test]
    public void Validate_WithTwoNodesOfAFaultyRule_NamesBoth()
    {
        // Wrong signs of two nodes in a row would cancel; factors do not.
        var report = FaultModels.Validate(FaultModels.Network(), Engines("Conv", withTorch: true, "Add"));
        Assert.That(report.Blames.Single().Nodes.Select(node => node.Name), Is.EquivalentTo(new[] { "conv", "y" }));
    }

    [TestCase("Tanh", false)]
    [TestCase("none", true)]
    public void Validate_WithAWrongRuleBelowTheRounding_DoesNotTakeItForRounding(string faulty, bool passes)
    {
        // The sum of a softmax is 1: what reaches x through it is rounding, ten times what the tanh adds.
        var model = new OnnxModel { IrVersion = 8 };
        model.OpsetImports[""] = 16;
        var graph = model.Graph;
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [4, 32]));
        graph.AddNode("Softmax", ["x"], "parts", OnnxAttribute.Of("axis", 1L));
        graph.AddNode("ReduceSum", ["parts", graph.AddInitializer(OnnxTensor.Int64s("axes", 1))], "total");
        graph.AddNode("Mul", ["total", graph.AddInitializer(OnnxTensor.Scalar("factor", 1e6f))], "large");
        graph.AddNode("Tanh", ["x"], "tanh");
        graph.AddNode("Mul", ["tanh", graph.AddInitializer(OnnxTensor.Scalar("small", 1e-3f))], "little");
        graph.AddNode("Add", ["large", "little"], "y");
        graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [4, 32]));

        var report = FaultModels.Validate(model, Engines(faulty, withTorch: true));

        Assert.That(report.Comparisons.Single(comparison => comparison.Quantity == ComparedQuantity.Gradient).Tensor.Cosine,
            Is.LessThan(0.99), "this model is to be a hard one");
        Assert.That(report.Passed, Is.EqualTo(passes));
        if (!passes) Assert.That(report.Blames.Single().Nodes, Does.Contain(new BlamedNode("tanh", "Tanh")));
    }

    private static ValidationEngines Engines(string opType, bool withTorch, string planted = "Neg")
    {
        var engines = FaultModels.Engines();
        return engines with
        {
            Values = withTorch ? engines.Values : [.. engines.Values.Where(source => source.Name != ValidationSources.Torch)],
            Automatic = withTorch ? engines.Automatic : null,
            Compiled = new CompiledGradientSource(
                engines.Values[0], (model, options) => WithFault(GradientCompiler.Compile(model, options), model, opType, planted)),
        };
    }

    /// <summary>The compiler's output as if the rule of an operator were wrong:
    /// what leaves the rule's nodes is negated (Neg) or doubled (Add).</summary>
    private static OnnxModel WithFault(OnnxModel emitted, OnnxModel model, string opType, string planted)
    {
        var graph = emitted.Graph;
        foreach (var node in model.Graph.Nodes.Where(node => node.OpType == opType))
        {
            var prefix = $"{node.Name}_grad/";
            var rule = graph.Nodes.Where(made => made.Name.StartsWith(prefix, StringComparison.Ordinal)
                || made.Outputs[0].StartsWith(prefix, StringComparison.Ordinal)).ToList();
            // A node's gradient that is the model's own goes by the input's name.
            if (model.Graph.Nodes.Count == 1) rule = [.. graph.Nodes.Where(made => made.Name != node.Name)];
            var results = rule.SelectMany(made => made.Outputs)
                .Where(value => graph.Nodes.Except(rule).Any(reader => reader.Inputs.Contains(value))
                    || graph.Outputs.Exists(output => output.Name == value))
                .ToList();
            Assert.That(results, Is.Not.Empty, $"no nodes of the rule of {opType} were found, so nothing was planted");
            foreach (var value in results) Plant(graph, value, planted);
        }

        graph.Sort();
        return emitted;
    }

    private static void Plant(OnnxGraph graph, string value, string planted)
    {
        var maker = graph.Nodes.Single(node => node.Outputs.Contains(value));
        maker.Outputs[maker.Outputs.IndexOf(value)] = $"{value}/right";
        // Inside the rule the right value goes on being used.
        foreach (var node in graph.Nodes.Where(node =>
            node.Name.Split("_grad/")[0] == maker.Name.Split("_grad/")[0] && node.Name.Contains("_grad/", StringComparison.Ordinal)))
        {
            for (var i = 0; i < node.Inputs.Count; i++)
                if (node.Inputs[i] == value) node.Inputs[i] = $"{value}/right";
        }

        graph.Nodes.Add(
            new OnnxNode(planted, Enumerable.Repeat($"{value}/right", planted == "Add" ? 2 : 1), [value]) { Name = $"planted/{value}" });
    }
}
