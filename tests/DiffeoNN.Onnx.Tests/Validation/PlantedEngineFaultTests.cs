using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Torch;
using DiffeoNN.Onnx.Validation;
using DiffeoNN.Onnx.Validation.Blame;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>Faults of an engine's operators are found by comparing engines, and blamed on the first node they show at.</summary>
[TestFixture]
internal sealed class PlantedEngineFaultTests
{
    private static IEnumerable<TestCaseData> Faults()
    {
        yield return Fault("a converter that drops a bias", "Conv",
            (original, node) => original(Changed(node, node.Node, [node.X, node.Input(1)])), "conv");
        yield return Fault("a converter that pads nothing but the front", "Conv", (original, node) =>
            original(Changed(
                node,
                With(node, OnnxAttribute.Of("pads", new long[] { 2, 2, 0, 0 }.Select(size => node.Ints("pads") is null ? 0 : size))),
                Inputs(node))), "conv");
        yield return Fault("a wrong epsilon", "BatchNormalization",
            (original, node) => original(Changed(node, With(node, OnnxAttribute.Of("epsilon", 1e-2f)), Inputs(node))), "norm");
        yield return Fault("a mean that counts its padding", "AveragePool", (original, node) =>
            original(Changed(node, With(node, OnnxAttribute.Of("count_include_pad", 1L)), Inputs(node))), "pool");
        yield return Fault(
            "a transposed kernel",
            "ConvTranspose",
            (original, node) => original(Changed(node, node.Node, [node.X, node.Input(1).transpose(2, 3).contiguous(), node.Input(2)])),
            "up");
        yield return Fault("another activation", "Tanh", (_, node) => [node.X.sigmoid()], "tanh");
        yield return Fault("a forgotten addend", "Add", (_, node) => [node.X], "sum");
        yield return Fault("swapped scale and bias", "InstanceNormalization",
            (original, node) => original(Changed(node, node.Node, [node.X, node.Input(2), node.Input(1)])), "instance");

        static TestCaseData Fault(string name, string opType, Faulty fault, string node) =>
            new TestCaseData(opType, fault, node).SetArgDisplayNames(name);
    }

    public delegate IReadOnlyList<torch.Tensor?> Faulty(TorchOperator.Several original, TorchNode node);

    [TestCaseSource(nameof(Faults))]
    public void Validate_WithAFaultyOperator_BlamesItsFirstNode(string opType, Faulty fault, string node)
    {
        using var folder = new TemporaryFolder();
        var original = TorchOperators.All.Last(row => row.OpType == opType && row.SinceVersion == 16).Function;
        var operators =
            new TorchOperators([.. TorchOperators.All, new TorchOperator(opType, 16, (TorchOperator.Several)(n => fault(original, n)))]);
        var engines = WithTorch(operators);

        var report = FaultModels.Validate(FaultModels.Network(), engines,
            new ValidationOptions { Execution = FaultModels.Execution, Gradients = false, BlameFolder = folder["blame"] });

        Assert.That(report.Passed, Is.False);
        var blame = report.Blames.Single();
        Assert.That(blame.Nodes, Is.EqualTo(new[] { new BlamedNode(node, opType) }), blame.Finding);
        Assert.That(blame.Source, Is.EqualTo(ValidationSources.Torch));
        Assert.That(blame.Confirmed, Is.True);
        Assert.That(blame.Finding, Does.StartWith($"{opType} '{node}' is the first node where torch parts from onnxruntime-basic"));

        // The saved graph is that node alone; it fails with the faulty engine and agrees with the right one.
        var part = OnnxModel.Load(Path.Combine(blame.Folder!, "model.onnx"));
        Assert.That(part.Graph.Nodes.Select(n => n.Name), Is.EqualTo(new[] { node }));
        var set = ReferenceSet.Load(blame.Folder!, part.Graph);
        var saved = new ValidationCase("part", part, set);
        var options = new ValidationOptions { Execution = FaultModels.Execution, Gradients = false, Blame = false };
        Assert.That(GraphValidation.Run(saved, engines with { UsesReference = true }, options, CancellationToken.None).Passed, Is.False);
        Assert.That(GraphValidation.Run(saved, FaultModels.Engines() with { UsesReference = true }, options, CancellationToken.None).Passed,
            Is.True);
    }

    [Test]
    public void Validate_WithoutFault_Agrees()
    {
        var report = FaultModels.Validate(FaultModels.Network(), FaultModels.Engines());
        Assert.That(report.Passed, Is.True, string.Join("; ", report.Comparisons.Where(c => !c.Tensor.Agrees)));
        Assert.That(report.Comparisons.Select(c => (c.Quantity, c.Source, c.Baseline)), Is.EquivalentTo(new[]
        {
            (ComparedQuantity.Output, ValidationSources.OnnxRuntime, ValidationSources.OnnxRuntimeBasic),
            (ComparedQuantity.Output, ValidationSources.Torch, ValidationSources.OnnxRuntimeBasic),
            (ComparedQuantity.Gradient, ValidationSources.Compiled, ValidationSources.Torch),
        }));
        Assert.That(report.Differences.Single().Agrees, Is.True);
        Assert.That(report.Blames, Is.Empty);
    }

    [Test]
    public void Validate_OfAGradientThatIsNothingButRounding_BlamesNobodyAndSaysSo()
    {
        // The sum of a softmax is 1, whatever its input: the gradient is what rounding leaves of zero.
        var model = new OnnxModel { IrVersion = 8 };
        model.OpsetImports[""] = 16;
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [4, 32]));
        model.Graph.AddNode("Softmax", ["x"], "parts", OnnxAttribute.Of("axis", 1L));
        model.Graph.AddNode("ReduceSum", ["parts", model.Graph.AddInitializer(OnnxTensor.Int64s("axes", 1))], "total");
        model.Graph.AddNode("Mul", ["total", model.Graph.AddInitializer(OnnxTensor.Scalar("factor", 1e6f))], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [4, 1]));

        var report = FaultModels.Validate(model, FaultModels.Engines());

        Assert.That(report.Comparisons.Single(comparison => comparison.Quantity == ComparedQuantity.Gradient).Tensor.Cosine,
            Is.LessThan(0.99), "this model is to be a hard one");
        Assert.That(report.Passed, Is.True);
        Assert.That(report.Blames, Is.Empty);
        Assert.That(report.Assumptions, Has.Exactly(1).Contains("rounding alone moves the gradient by 'x'"));
    }

    [Test]
    public void Validate_OfAFaultInRewritingTheModel_Disagrees()
    {
        var (written, rewritten) = (FaultModels.Network(), FaultModels.Network());
        rewritten.Graph.Nodes.First(node => node.OpType == "BatchNormalization").With(OnnxAttribute.Of("epsilon", 0.1f));
        GraphReport Validate(OnnxModel model) => GraphValidation.Run(
            new ValidationCase("rewritten", model, []) { AsWritten = written }, FaultModels.Engines(),
            new ValidationOptions { Execution = FaultModels.Execution, Gradients = false, Blame = false }, default);
        Assert.That(Validate(FaultModels.Network()).Passed, Is.True);
        Assert.That(Validate(rewritten).Comparisons.Where(comparison => !comparison.Tensor.Agrees).Select(comparison => comparison.Source),
            Is.EqualTo(new[] { ValidationSources.OnnxRuntime }));
    }

    [Test]
    public void Validate_OfAWrongFusion_BlamesTheNodesTogether()
    {
        using var folder = new TemporaryFolder();
        var engines = FaultModels.Engines(ValidationSources.OnnxRuntimeBasic);
        var report = FaultModels.Validate(
            FaultModels.Network(), engines with { Values = [engines.Values[0], new WronglyFused(engines.Values[0])] },
            new ValidationOptions { Execution = FaultModels.Execution, Gradients = false, BlameFolder = folder["blame"] });

        var blame = report.Blames.Single();
        Assert.That(blame.Nodes.Select(node => node.Name), Is.EqualTo(new[] { "pool", "tanh" }), blame.Finding);
        Assert.That(blame.Finding, Does.Contain("fusion"));
        Assert.That(OnnxModel.Load(Path.Combine(blame.Folder!, "model.onnx")).Graph.Nodes.Select(node => node.Name),
            Is.EqualTo(new[] { "pool", "tanh" }));
    }

    [Test]
    public void Validate_WithAnOperatorThatAnEngineLacks_ComparesTheOthers()
    {
        var operators = new TorchOperators(TorchOperators.All.Where(row => row.OpType != "Tanh"));
        var report = FaultModels.Validate(FaultModels.Network(), WithTorch(operators));
        Assert.That(report.Passed, Is.True);
        var skipped = report.Skipped.Single(source => source.Source == ValidationSources.Torch);
        Assert.That(skipped.IsFailure, Is.False);
        Assert.That(skipped.Reason, Does.Contain("Tanh"));
    }

    private static ValidationEngines WithTorch(TorchOperators operators)
    {
        var torch = new TorchSource(new TorchEngine(FaultModels.Execution, operators));
        var engines = FaultModels.Engines();
        return engines with { Values = [.. engines.Values.Where(source => source.Name != torch.Name), torch], Automatic = torch };
    }

    private static TorchNode Changed(TorchNode node, OnnxNode changed, IReadOnlyList<torch.Tensor?> inputs) =>
        new(changed, node.Opset, inputs, (_, _) => throw new NotSupportedException());

    private static torch.Tensor?[] Inputs(TorchNode node) => [.. Enumerable.Range(0, node.Count).Select(node.Optional)];

    private static OnnxNode With(TorchNode node, OnnxAttribute attribute) =>
        new OnnxNode(node.Node.OpType, node.Node.Inputs, node.Node.Outputs, node.Node.Attributes.Values) { Name = node.Node.Name }
            .With(attribute);

    /// <summary>An engine whose fusion of AveragePool and Tanh is wrong: only where the value between them is not asked for.</summary>
    private sealed class WronglyFused(IValueSource right) : IValueSource
    {
        public string Name => ValidationSources.OnnxRuntime;

        public IReadOnlyDictionary<string, OnnxTensor> Run(
            OnnxModel model, string title, IReadOnlyDictionary<string, OnnxTensor> inputs, IReadOnlyList<string> values,
            CancellationToken cancellationToken)
        {
            var names = model.Graph.Nodes.Select(node => node.Name).ToList();
            if (!names.Contains("pool") || !names.Contains("tanh") || values.Contains("pool"))
                return right.Run(model, title, inputs, values, cancellationToken);
            var wrong = model.Copy();
            wrong.Graph.Nodes.Single(node => node.Name == "pool").With(OnnxAttribute.Of("count_include_pad", 1L));
            return right.Run(wrong, title, inputs, values, cancellationToken);
        }
    }
}
