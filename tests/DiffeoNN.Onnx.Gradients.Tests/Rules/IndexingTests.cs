namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>What the table of rule tests cannot say about operators that move elements.</summary>
public sealed class IndexingTests
{
    private static OnnxModel Model(int opset, Action<OnnxGraph> build)
    {
        var model = new OnnxModel { IrVersion = OpsetConverter.MinimumIrVersion(opset), OpsetImports = { [""] = opset } };
        build(model.Graph);
        return model;
    }

    private static OnnxValueInfo Float(string name, params OnnxDimension[] shape) => new(name, OnnxElementType.Float, shape);

    private static OnnxTensor Numbers(string name, params long[] shape) => OnnxTensor.FromDoubles(name, OnnxElementType.Float, shape,
        [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b)).Select(i => ((i * 7) % 11) - 4.6)]);

    private static void AgreesWithFiniteDifferences(OnnxModel model, params OnnxTensor[] tensors)
    {
        var inputs = tensors.ToDictionary(t => t.Name);
        using var wide = GradientCheck.TryDouble(model, inputs);
        using var narrow = new Runner(model, optimise: false);
        var upstream = GradientCheck.Upstream(narrow.Run(inputs), model.Graph.Outputs.Select(o => o.Name), new Random(1));
        var expected = wide is null ? GradientCheck.FiniteDifferences(narrow, inputs, upstream, inputs.Keys, 1e-2)
            : GradientCheck.FiniteDifferences(wide, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream), inputs.Keys, 1e-3);
        foreach (var (name, gradient) in GradientCheck.Gradients(GradientCompiler.Compile(model), inputs, upstream))
            GradientCheck.AreClose(gradient.ToDoubleArray(), expected[name], wide is null ? 2e-3 : 1e-4, name);
    }

    /// <summary>Overlapping windows share a maximum, so the unpooling is told one place twice; its gradient arrives there once.</summary>
    [Test]
    public void MaxUnpool_OfMaximaInTwoWindows_PassesTheGradientOnce() => AgreesWithFiniteDifferences(
        Model(18, g =>
        {
            g.Inputs.Add(Float("x", 1, 1, 4, 4));
            g.AddInitializer(OnnxTensor.Int64s("shape", 1, 1, 4, 4));
            g.Nodes.Add(new OnnxNode("MaxPool", ["x"], ["maxima", "places"], OnnxAttribute.Of("kernel_shape", [2L, 2])));
            g.Nodes.Add(new OnnxNode("MaxUnpool", ["maxima", "places", "shape"], ["y"], OnnxAttribute.Of("kernel_shape", [2L, 2])));
            g.Outputs.Add(Float("y", 1, 1, 4, 4));
        }),
        Numbers("x", 1, 1, 4, 4));

    [Test]
    public void NonZeroAndConstantOfShape_StopGradients() => AgreesWithFiniteDifferences(
        Model(18, g =>
        {
            g.Inputs.Add(Float("x", 5));
            g.AddInitializer(OnnxTensor.Scalar("limit", 0.5f));
            g.Nodes.Add(new OnnxNode("Greater", ["x", "limit"], ["large"]));
            g.Nodes.Add(new OnnxNode("NonZero", ["large"], ["at"]));
            g.Nodes.Add(new OnnxNode("Transpose", ["at"], ["places"]));
            g.Nodes.Add(new OnnxNode("GatherND", ["x", "places"], ["taken"]));
            g.Nodes.Add(new OnnxNode("Shape", ["taken"], ["count"]));
            g.Nodes.Add(new OnnxNode("ConstantOfShape", ["count"], ["twos"], OnnxAttribute.Of("value", OnnxTensor.Create("", [1], [2f]))));
            g.Nodes.Add(new OnnxNode("Mul", ["taken", "twos"], ["y"]));
            g.Outputs.Add(Float("y", "m"));
        }),
        Numbers("x", 5));

    [TestCase("SequenceConstruct")]
    [TestCase("SplitToSequence")]
    public void SequenceOperators_AreRefusedByName(string op)
    {
        var model = Model(18, g =>
        {
            g.Inputs.Add(Float("x", 3, 2));
            g.AddInitializer(OnnxTensor.Scalar("first", 0L));
            g.Nodes.Add(new OnnxNode(op, ["x"], ["list"]) { Name = "make" });
            g.Nodes.Add(new OnnxNode("SequenceAt", ["list", "first"], ["y"]) { Name = "take" });
            g.Outputs.Add(Float("y", 3, 2));
        });
        Assert.That(() => GradientCompiler.Compile(model), Throws.TypeOf<UnsupportedOperatorException>()
            .With.Message.Contains($"{op}-18 (node 'make')").And.Message.Contains("SequenceAt-18 (node 'take')"));
    }

    /// <summary>ONNX Runtime's ScatterND loses slices that fall together once they are enough work for several threads.</summary>
    [TestCase("GatherND", null)]
    [TestCase("ScatterND", "add")]
    [TestCase("ScatterND", "mul")]
    [TestCase("ScatterND", "max")]
    public void SlicesThatFallTogether_AreNotLeftToScatterND(string op, string? reduction)
    {
        var gradient = GradientCompiler.Compile(Model(18, g =>
        {
            g.Inputs.Add(Float("x", 100, 64));
            g.Inputs.Add(new OnnxValueInfo("places", OnnxElementType.Int64, ["n", 1]));
            g.Inputs.Add(Float("u", "n", 64));
            g.Nodes.Add(reduction is null ? new OnnxNode(op, ["x", "places"], ["y"])
                : new OnnxNode(op, ["x", "places", "u"], ["y"], OnnxAttribute.Of("reduction", reduction)));
            g.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        }));
        Assert.That(gradient.Graph.Nodes.Where(n => n.OpType == "ScatterND" && n.Outputs[0] != "y"), Is.Empty);
    }

    private static IEnumerable<TestCaseData> HalfCases()
    {
        foreach (var type in new[] { OnnxElementType.Float16, OnnxElementType.BFloat16 })
        {
            TestCaseData Case(string op, OnnxTensor second, params OnnxAttribute[] attributes) =>
                new TestCaseData(op, second, attributes, type).SetArgDisplayNames(op, $"{type}");
            yield return Case("Gather", OnnxTensor.Int64s("", 1, 0, 1));
            yield return Case("GatherElements", OnnxTensor.Create<long>("", [3, 3], [0, 1, 0, 1, 1, 0, 0, 0, 0]));
            yield return Case("GatherND", OnnxTensor.Create<long>("", [3, 1], [1, 0, 1]));
        }
    }

    /// <summary>ONNX Runtime adds up no numbers of 16 bits when it scatters.</summary>
    [TestCaseSource(nameof(HalfCases))]
    public void ElementsThatFallTogether_AreAddedInHalfTypesToo(string op, object second, object attributes, object type)
    {
        OnnxModel Build(bool half) => Model(18, g =>
        {
            g.Inputs.Add(Float("x", 2, 3));
            g.AddInitializer(((OnnxTensor)second).WithName("second"));
            g.Nodes.Add(new OnnxNode("Cast", ["x"], ["h"], OnnxAttribute.Of("to", half ? (long)(OnnxElementType)type : 1)));
            g.Nodes.Add(new OnnxNode(op, ["h", "second"], ["taken"], (OnnxAttribute[])attributes));
            g.Nodes.Add(new OnnxNode("Cast", ["taken"], ["y"], OnnxAttribute.Of("to", 1)));
            g.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        });
        var inputs = new Dictionary<string, OnnxTensor> { ["x"] = Numbers("x", 2, 3) };
        using var forward = new Runner(Build(false));
        var upstream = GradientCheck.Upstream(forward.Run(inputs), ["y"], new Random(1));
        var expected = GradientCheck.Gradients(GradientCompiler.Compile(Build(false)), inputs, upstream)["x"].ToDoubleArray();
        GradientCheck.AreClose(GradientCheck.Gradients(GradientCompiler.Compile(Build(true)), inputs, upstream)["x"].ToDoubleArray(),
            expected, 1e-2, op);
    }
}
