using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Torch;
using DiffeoNN.Onnx.Validation.Blame;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Differences;
using DiffeoNN.Onnx.Validation.Sources;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>Outputs that are constants, weights or inputs, engines that make other sizes: a report, never the end of the process.</summary>
[TestFixture]
public sealed class OddOutputsTests
{
    private static IEnumerable<TestCaseData> Outputs()
    {
        yield return Case("a weight", graph => graph.AddInitializer(Numbers("c", 1, 2)));
        yield return Case("a weight that is used", graph =>
        {
            graph.AddInitializer(Numbers("c", 1, 2, 3));
            graph.AddNode("Mul", ["sine", "c"], "scaled");
            graph.AddNode("Add", ["scaled", "x"], "y2");
            graph.Outputs.Add(new OnnxValueInfo("y2", OnnxElementType.Float, null));
        });
        yield return Case("a constant node", graph => graph.AddNode("Constant", [], "c", OnnxAttribute.Of("value", Numbers("", 1, 2))));
        yield return Case("computed from weights", graph =>
        {
            graph.AddInitializer(Numbers("w", 1, 2));
            graph.AddNode("Exp", ["w"], "c");
        });
        yield return Case("computed from a shape", graph =>
        {
            graph.AddNode("Shape", ["x"], "shape");
            graph.AddNode("Cast", ["shape"], "c", OnnxAttribute.Of("to", (long)OnnxElementType.Float));
        });
        yield return Case(
            "an input", graph => graph.Outputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [2, 3])), isOutput: false);

        static TestCaseData Case(string name, Action<OnnxGraph> add, bool isOutput = true)
        {
            var model = Model(OnnxElementType.Float, [2, 3]);
            model.Graph.AddNode("Sin", ["x"], "sine");
            model.Graph.Outputs.Add(new OnnxValueInfo("sine", OnnxElementType.Float, [2, 3]));
            add(model.Graph);
            if (isOutput) model.Graph.Outputs.Add(new OnnxValueInfo("c", OnnxElementType.Float, null));
            return new TestCaseData(model).SetArgDisplayNames(name);
        }
    }

    [TestCaseSource(nameof(Outputs))]
    public void Validate_OfAnOddOutput_ComparesAll(OnnxModel model)
    {
        var report = FaultModels.Validate(model, FaultModels.Engines());

        Assert.That(report.Skipped.Select(skipped => skipped.Reason), Is.Empty);
        Assert.That(report.Passed, Is.True, string.Join("; ", report.Comparisons.Where(c => !c.Tensor.Agrees)));
        var compared = report.Comparisons.Where(c => c.Quantity == ComparedQuantity.Output && c.Source == ValidationSources.Torch);
        Assert.That(compared.Select(c => c.Tensor.Name), Is.EquivalentTo(model.Graph.Outputs.Select(output => output.Name)));
        Assert.That(report.Comparisons.Count(c => c.Quantity == ComparedQuantity.Gradient), Is.EqualTo(1));
        Assert.That(report.Differences.Single().Agrees, Is.True);
    }

    [TestCaseSource(nameof(Outputs))]
    public void Check_OfAnOddOutput_Passes(OnnxModel model)
    {
        foreach (var seed in new[] { GradientSeed.Input, GradientSeed.Ones })
        {
            var options = new GradientOptions { Seed = seed };
            var check = new GradientCheckOptions { Gradient = options };
            var result = GradientCheck.Run(model, GradientCompiler.Compile(model, options), check);
            Assert.That(result.Passed, Is.True, $"{seed}");
        }
    }

    [TestCase("SAME_UPPER", 1, 0, 3)]
    [TestCase("SAME_LOWER", 2, 0, 3)]
    [TestCase("SAME_UPPER", 2, 1, 4)]
    public void Validate_OfAConvTransposeThatFillsNothingUp_Agrees(string automatic, int rank, int extra, int size)
    {
        var model = Model(OnnxElementType.Float, [1, 1, .. Enumerable.Repeat(2L, rank)]);
        model.Graph.AddInitializer(OnnxTensor.FromDoubles("w", OnnxElementType.Float, [1, 1, .. Enumerable.Repeat(1L, rank)], [2]));
        model.Graph.AddNode("ConvTranspose", ["x", "w"], "y", OnnxAttribute.Of("auto_pad", automatic),
            OnnxAttribute.Of("strides", Enumerable.Repeat(2L, rank)),
            OnnxAttribute.Of("output_padding", Enumerable.Repeat((long)extra, rank)));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));

        var report = FaultModels.Validate(model, FaultModels.Engines());

        Assert.That(report.Passed, Is.True);
        var shapes = report.Comparisons.Where(c => c.Quantity == ComparedQuantity.Output).Select(c => c.Tensor.Shape).ToList();
        Assert.That(shapes, Has.Count.EqualTo(2));
        Assert.That(shapes.SelectMany(shape => shape.Skip(2)), Has.All.EqualTo((long)size));
    }

    [Test]
    public void Validate_OfAnEngineThatMakesAnotherSize_ReportsIt()
    {
        var model = Model(OnnxElementType.Float, [1, 1, 4, 4]);
        model.Graph.AddNode("Sin", ["x"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        var smaller = new TorchOperator("Sin", 16, n => n.X.sin().slice(3, 0, 3, 1));
        var operators = new TorchOperators([.. TorchOperators.All.Where(row => row.OpType != "Sin"), smaller]);
        var torch = new TorchSource(new TorchEngine(FaultModels.Execution, operators));
        var engines = FaultModels.Engines();

        engines = engines with { Values = [.. engines.Values.Where(source => source.Name != torch.Name), torch], Automatic = torch };
        var report = FaultModels.Validate(model, engines);

        Assert.That(report.Passed, Is.False);
        var wrong = report.Comparisons.Single(c => c.Quantity == ComparedQuantity.Output && !c.Tensor.Agrees);
        Assert.That(wrong.Source, Is.EqualTo(ValidationSources.Torch));
        Assert.That(report.Skipped.Single(skipped => skipped.Source == ValidationSources.Torch).Reason,
            Does.Contain("its output 'y' is [1,1,4,3] there, the upstream gradient [1,1,4,4]"));
    }

    [Test]
    public void Run_OfMatricesThatDoNotFit_NamesTheNode()
    {
        var model = Model(OnnxElementType.Float, ["N", "K"]);
        model.Graph.AddInitializer(OnnxTensor.FromDoubles("w", OnnxElementType.Float, [3, 2], new double[6]));
        model.Graph.Nodes.Add(new OnnxNode("MatMul", ["x", "w"], ["y"]) { Name = "product" });
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        using var graph = new TorchEngine(FaultModels.Execution).Load(model, "mismatch");
        using var x = torch.ones(2, 4);
        var inputs = new Dictionary<string, torch.Tensor> { ["x"] = x };
        Assert.That(() => graph.Run(inputs), Throws.TypeOf<GraphException>().With.Message.EqualTo(
            "Model 'mismatch': MatMul (node 'product') failed on inputs float32 [2,4], float32 [3,2]: "
            + "matrices of shapes [2,4] and [3,2] have no product."));
    }

    [TestCase(OnnxElementType.Int32, int.MinValue)]
    [TestCase(OnnxElementType.Int64, long.MinValue)]
    public void Run_OfTheLowestNumberByMinusOne_WrapsAround(OnnxElementType type, long lowest)
    {
        var model = Model(type, [3]);
        model.Graph.AddInitializer(OnnxTensor.FromDoubles("minus", type, [3], [-1, -1, 2]));
        model.Graph.AddNode("Div", ["x", "minus"], "quotient");
        model.Graph.AddNode("Mod", ["x", "minus"], "remainder");
        foreach (var name in new[] { "quotient", "remainder" }) model.Graph.Outputs.Add(new OnnxValueInfo(name, type, null));
        using var scope = torch.NewDisposeScope();
        using var graph = new TorchEngine(FaultModels.Execution).Load(model, "lowest");
        var x = torch.tensor(new[] { lowest, 7, -7 }).to(type == OnnxElementType.Int32 ? torch.int32 : torch.int64);
        var found = graph.Run(new Dictionary<string, torch.Tensor> { ["x"] = x });
        Assert.That(found["quotient"].to(torch.int64).data<long>().ToArray(), Is.EqualTo(new[] { lowest, -7, -3 }));
        Assert.That(found["remainder"].to(torch.int64).data<long>().ToArray(), Is.EqualTo(new long[] { 0, 0, 1 }));
    }

    [TestCase(1)]
    [TestCase(2)]
    public void Check_WhereTheRuntimeWritesIntoItsWeights_BlamesTheRuntime(int nodes)
    {
        var model = Model(OnnxElementType.Float, [4, 3, 5]);
        model.Graph.AddInitializer(Numbers("ones", 1, 1, 1));
        model.Graph.AddInitializer(Numbers("zeros", 0, 0, 0));
        for (var i = 1; i <= nodes; i++)
        {
            string[] read = [i == 1 ? "x" : "y1", "ones", "zeros", "zeros", "ones"];
            string[] made = [$"y{i}", $"mean{i}", $"variance{i}"];
            var trains = OnnxAttribute.Of("training_mode", 1L);
            model.Graph.Nodes.Add(new OnnxNode("BatchNormalization", read, made, trains) { Name = $"norm{i}" });
        }

        model.Graph.Outputs.Add(new OnnxValueInfo($"y{nodes}", OnnxElementType.Float, null));
        var gradient = GradientCompiler.Compile(model);
        var result = GradientCheck.Run(model, gradient);

        Assert.That(result.Passed, Is.False, "this version of ONNX Runtime no longer has the fault; take the test's model out");
        Assert.That(
            RuntimeFault.Find(model, gradient, result), Does.StartWith("ONNX Runtime itself is wrong: in run 2 on the same inputs output")
            .And.Contain("since BatchNormalization (node 'norm1') in training mode writes its running statistics into 'zeros', 'ones', ")
            .And.EndWith("The written gradient, run by libtorch, agrees with libtorch's own."));
    }

    [Test]
    public void Check_OfAWrongGradient_DoesNotBlameTheRuntime()
    {
        var model = Model(OnnxElementType.Float, [2, 3]);
        model.Graph.AddNode("Sin", ["x"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        var wrong = GradientCompiler.Compile(model);
        wrong.Graph.Nodes.First(node => node.OpType == "Cos").OpType = "Tanh";
        var result = GradientCheck.Run(model, wrong);
        Assert.That(result.Passed, Is.False);
        Assert.That(RuntimeFault.Find(model, wrong, result), Is.Null);
    }

    private static OnnxModel Model(OnnxElementType type, OnnxDimension[] shape)
    {
        var model = new OnnxModel { IrVersion = 8 };
        model.OpsetImports[""] = 17;
        model.Graph.Inputs.Add(new OnnxValueInfo("x", type, shape));
        return model;
    }

    private static OnnxTensor Numbers(string name, params double[] values) =>
        OnnxTensor.FromDoubles(name, OnnxElementType.Float, [values.Length], values);
}
