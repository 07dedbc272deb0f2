namespace DiffeoNN.Onnx.Gradients.Tests.Model;

/// <summary>What models from the field do beyond a chain of nodes with one input and one output.</summary>
public sealed class RealModelTests
{
    private static OnnxModel Model(Action<OnnxGraph> build, int opset = 18)
    {
        var model = new OnnxModel { IrVersion = 10, OpsetImports = { [""] = opset } };
        build(model.Graph);
        return model;
    }

    private static OnnxValueInfo Value(string name, params OnnxDimension[] shape) => new(name, OnnxElementType.Double, shape);

    private static OnnxTensor Numbers(string name, params long[] shape)
    {
        var random = new Random(name[0]);
        return OnnxTensor.FromDoubles(name, OnnxElementType.Double, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (random.NextDouble() * 2) - 1)]);
    }

    private static void Check(OnnxModel model, Dictionary<string, OnnxTensor> inputs, string[] outputs, GradientOptions? options = null)
    {
        using var forward = new Runner(model, optimise: false);
        var upstream = GradientCheck.Upstream(forward.Run(inputs), outputs, new Random(5));
        var actual = GradientCheck.Gradients(GradientCompiler.Compile(model, options), inputs, upstream);
        foreach (var (name, expected) in GradientCheck.FiniteDifferences(forward, inputs, upstream, actual.Keys, 1e-3))
            GradientCheck.AreClose(actual[name].ToDoubleArray(), expected, 1e-7, name);
    }

    /// <summary>y = tanh(x w) w^T, z = sum of x w; nodes last first, one of them unused.</summary>
    private static OnnxModel Shared(bool isInput) => Model(g =>
    {
        g.Inputs.Add(Value("x", "N", 3));
        if (isInput)
            g.Inputs.Add(Value("w", 3, 2));
        g.AddInitializer(Numbers("w", 3, 2));
        g.Outputs.AddRange([Value("y", "N", 3), Value("z")]);
        g.AddNode("MatMul", ["t", "turned"], "y");
        g.AddNode("Size", ["p"], "unused");
        g.AddNode("ReduceSum", ["p"], "z", OnnxAttribute.Of("keepdims", 0L));
        g.AddNode("Transpose", ["w"], "turned");
        g.AddNode("Tanh", ["p"], "t");
        g.AddNode("MatMul", ["x", "w"], "p");
    });

    /// <summary>The runtime wants nodes in order.</summary>
    private static OnnxModel Sorted(OnnxModel model)
    {
        model.Graph.Nodes.Reverse();
        return model;
    }

    [Test]
    public void NodesInAnyOrder_CompileToTheSame() =>
        Assert.That(GradientCompiler.Compile(Shared(isInput: true)).Graph.Nodes.Select(n => n.ToString()),
            Is.EquivalentTo(GradientCompiler.Compile(Sorted(Shared(isInput: true))).Graph.Nodes.Select(n => n.ToString())));

    [Test]
    public void AnInitialiserThatIsAnInput_IsOverriddenAtRunTime([Values] bool chosen)
    {
        var inputs = new Dictionary<string, OnnxTensor> { ["x"] = Numbers("x", 2, 3), ["w"] = Numbers("v", 3, 2).WithName("w") };
        Check(Sorted(Shared(isInput: true)), inputs, ["y", "z"], new GradientOptions { Inputs = chosen ? ["x", "w"] : null });
        inputs.Remove("w");
        Check(Sorted(Shared(isInput: true)), inputs, ["y", "z"]);
    }

    [Test]
    public void SharedWeights_GetTheSumOfTheirGradients()
    {
        var inputs = new Dictionary<string, OnnxTensor> { ["x"] = Numbers("x", 4, 3), ["w"] = Numbers("w", 3, 2) };
        var model = Sorted(Shared(isInput: false));
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Weights = true });
        using var forward = new Runner(Sorted(Shared(isInput: true)), optimise: false);
        var upstream = GradientCheck.Upstream(forward.Run(inputs), ["y", "z"], new Random(5));
        var actual = GradientCheck.Gradients(gradient, inputs, upstream);
        foreach (var (name, expected) in GradientCheck.FiniteDifferences(forward, inputs, upstream, ["x", "w"], 1e-3))
            GradientCheck.AreClose(actual[name].ToDoubleArray(), expected, 1e-7, name);
    }

    [Test]
    public void SeveralInputsAndOutputs_HaveTheirOwnSeeds_AndOutputsCanBeChosen([Values("y", "z", "y z")] string outputs)
    {
        var model = Model(g =>
        {
            g.Inputs.AddRange([Value("a", "N"), Value("b", "N"), new("i", OnnxElementType.Int64, ["M"])]);
            g.AddNode("Mul", ["a", "b"], "y");
            g.AddNode("Sin", ["y"], "s");
            g.AddNode("Sub", ["s", "a"], "u");
            g.AddNode("Gather", ["u", "i"], "z");
            g.AddNode("Shape", ["u"], "n");
            g.Outputs.AddRange([Value("y", "N"), Value("z", "M"), new("n", OnnxElementType.Int64, [1])]);
        });
        var inputs = new Dictionary<string, OnnxTensor>
        {
            ["a"] = Numbers("a", 4),
            ["b"] = Numbers("b", 4),
            ["i"] = OnnxTensor.Int64s("i", [3, 1, 1]),
        };
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Outputs = outputs.Split(' ') });
        Assert.That(gradient.Graph.Inputs.Select(x => x.Name).Skip(3), Is.EqualTo(outputs.Split(' ').Select(o => $"{o}_grad")));
        Check(model, inputs, outputs.Split(' '), new GradientOptions { Outputs = outputs.Split(' ') });
    }

    [TestCase(4)]
    [TestCase(5)]
    public void SavedStatistics_OfOldBatchNormalisation_AreRefusedWhereTheyAreUsed(int output)
    {
        OnnxModel Build(bool used) => Model(g =>
        {
            g.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [2, 3, 4]));
            foreach (var name in new[] { "scale", "bias", "mean", "variance" })
                g.AddInitializer(OnnxTensor.FromDoubles(name, OnnxElementType.Float, [3], [1, 2, 3]));
            g.Nodes.Add(new OnnxNode("BatchNormalization", ["x", "scale", "bias", "mean", "variance"], ["y", "m", "v", "saved4", "saved5"])
                { Name = "norm" });
            g.AddNode("Exp", [used ? $"saved{output}" : "m"], "z");
            g.Outputs.AddRange([new("y", OnnxElementType.Float, null), new("z", OnnxElementType.Float, null)]);
        }, 9);
        Assert.That(() => GradientCompiler.Compile(Build(used: true)), Throws.InstanceOf<GradientException>()
            .With.Message.Contains("norm").And.Message.Contains($"'saved{output}', statistics that it saved for its own gradient"));
        Assert.That(() => GradientCompiler.Compile(Build(used: false)), Throws.Nothing);
    }
}
