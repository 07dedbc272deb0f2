namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>Gradients at the points and in the types that the table of rule tests leaves out.</summary>
public sealed class NumericalCareTests
{
    private static OnnxModel Model(int opset, Action<OnnxGraph> build)
    {
        var model = new OnnxModel { IrVersion = OpsetConverter.MinimumIrVersion(opset), OpsetImports = { [""] = opset } };
        build(model.Graph);
        return model;
    }

    private static OnnxValueInfo Float(string name, params long[] shape) =>
        new(name, OnnxElementType.Float, [.. shape.Select(d => OnnxDimension.Of(d))]);

    private static OnnxTensor Values(string name, long[] shape, params float[] values) => OnnxTensor.Create<float>(name, shape, values);

    /// <summary>The gradient of one operator of inputs x0, x1, ... where dY is given.</summary>
    private static double[] Gradient(
        string opType, int opset, OnnxTensor[] inputs, float[] dY, long[] shape, params OnnxAttribute[] attributes)
    {
        var model = Model(opset, g =>
        {
            g.Inputs.Add(Float("x0", [.. inputs[0].Dimensions]));
            foreach (var (input, i) in inputs.Select((t, i) => (t, i)).Skip(1))
                g.AddInitializer(input.WithName($"x{i}"));
            g.AddNode(opType, [.. inputs.Select((_, i) => $"x{i}")], "y", attributes);
            g.Outputs.Add(Float("y", shape));
        });
        using var runner = new Runner(GradientCompiler.Compile(model));
        return runner.Run(new Dictionary<string, OnnxTensor> { ["x0"] = inputs[0], ["y_grad"] = Values("y_grad", shape, dY) },
            ["x0_grad"])["x0_grad"].ToDoubleArray();
    }

    [TestCase("LpNormalization", 22, 1)]
    [TestCase("LpNormalization", 22, 2)]
    [TestCase("MeanVarianceNormalization", 13, 0)]
    public void Normalisation_OfZeros_HasFiniteGradients(string opType, int opset, long p)
    {
        var attribute = p == 0 ? OnnxAttribute.Of("axes", [1L]) : OnnxAttribute.Of("p", p);
        var gradient = Gradient(opType, opset, [Values("", [2, 2], 0, 0, 0, 0)], [1, 2, 3, 4], [2, 2], attribute);
        Assert.That(gradient, Is.All.Matches<double>(double.IsFinite));
    }

    [Test]
    public void Norm_AtZero_HasGradientZero()
    {
        var gradient = Gradient("ReduceL2", 18, [Values("", [2, 2], 0, 0, 3, 4), OnnxTensor.Int64s("", 1)], [1, 2], [2],
            OnnxAttribute.Of("keepdims", 0));
        Assert.That(gradient, Is.EqualTo([0, 0, 1.2, 1.6]).Within(1e-6));
    }

    [TestCase("Softmax")]
    [TestCase("LogSoftmax")]
    public void Softmax_OfMaskedElements_GivesThemTheirOwnGradientAlone(string opType)
    {
        var x = Values("", [1, 3], 1, float.NegativeInfinity, 2);
        var gradient = Gradient(opType, 13, [x], [1, 0, -1], [1, 3]);
        Assert.That(gradient, Is.All.Matches<double>(double.IsFinite));
        Assert.That(gradient[1], Is.Zero);
    }

    [Test]
    public void LogSumExp_OfMaskedElements_GivesThemNone()
    {
        const float Masked = float.NegativeInfinity;
        var gradient = Gradient("ReduceLogSumExp", 18, [Values("", [2, 2], Masked, 1, Masked, Masked), OnnxTensor.Int64s("", 1)],
            [2, 3], [2, 1]);
        Assert.That(gradient, Is.EqualTo([0.0, 2, 0, 0]).Within(1e-6));
    }

    [Test]
    public void CrossEntropy_WithAnIgnoredImpossibleTarget_HasFiniteGradients()
    {
        var x = Values("", [2, 3], 1, float.NegativeInfinity, 2, 3, 1, 0);
        var gradient = Gradient(
            "SoftmaxCrossEntropyLoss", 13, [x, OnnxTensor.Int64s("", 1, 2)], [1], [], OnnxAttribute.Of("ignore_index", 1));
        Assert.That(gradient[..3], Is.All.Zero);
        Assert.That(gradient[3..].Sum(), Is.Zero.Within(1e-6));
        Assert.That(gradient[5], Is.LessThan(0));
    }

    [TestCase("ReduceSum", 13)]
    [TestCase("ReduceMean", 18)]
    [TestCase("ReduceProd", 18)]
    [TestCase("ReduceSumSquare", 18)]
    [TestCase("ReduceLogSumExp", 18)]
    [TestCase("ReduceL2", 18)]
    public void Reduction_OfNoElements_HasAnEmptyGradient(string opType, int opset) =>
        Assert.That(Gradient(opType, opset, [Values("", [2, 0]), OnnxTensor.Int64s("", 1)], [1, 2], [2, 1]), Is.Empty);

    [Test]
    public void Dropout_InTraining_SendsTheGradientThroughTheMaskOfTheRun()
    {
        var model = Model(13, g =>
        {
            g.Inputs.Add(Float("x", 4, 50));
            g.Inputs.Add(new OnnxValueInfo("training", OnnxElementType.Bool, []));
            g.AddInitializer(OnnxTensor.Scalar("ratio", 0.4f));
            g.AddNode("Dropout", ["x", "ratio", "training"], "y");
            g.Outputs.Add(Float("y", 4, 50));
        });
        using var runner = new Runner(GradientCompiler.Compile(model, new GradientOptions { Inputs = ["x"] }));
        var ones = Values("x", [4, 50], [.. Enumerable.Repeat(1f, 200)]);
        foreach (var training in new[] { true, false })
        {
            var inputs = new Dictionary<string, OnnxTensor>
            {
                ["x"] = ones,
                ["y_grad"] = ones.WithName("y_grad"),
                ["training"] = OnnxTensor.Scalar("training", training),
            };
            var result = runner.Run(inputs, ["y", "x_grad"]);
            Assert.That(result["x_grad"].ToDoubleArray(), Is.EqualTo(result["y"].ToDoubleArray()).Within(1e-6), $"training {training}");
            Assert.That(result["y"].ToDoubleArray().Count(v => v == 0), training ? Is.InRange(40, 120) : Is.Zero);
        }
    }

    /// <summary>The runtime fuses the sum into the normalisation, whose statistics the gradient reads.</summary>
    [Test]
    public void LayerNormalization_BehindASum_KeepsItsStatisticsWhenFused()
    {
        var model = Model(17, g =>
        {
            g.Inputs.Add(Float("a", 2, 3, 16));
            g.Inputs.Add(Float("b", 2, 3, 16));
            g.AddInitializer(Values("s", [16], [.. Enumerable.Range(1, 16).Select(i => i / 8f)]));
            g.AddInitializer(Values("z", [16], new float[16]));
            g.AddNode("Add", ["a", "b"], "x");
            g.AddNode("LayerNormalization", ["x", "s", "z"], "y");
            g.Outputs.Add(Float("y", 2, 3, 16));
        });
        var random = new Random(3);
        OnnxTensor Random(string name) => Values(name, [2, 3, 16], [.. Enumerable.Range(0, 96).Select(_ => (float)random.NextDouble())]);
        var inputs = new[] { Random("a"), Random("b"), Random("y_grad") }.ToDictionary(t => t.Name);
        var gradient = GradientCompiler.Compile(model);
        using var optimised = new Runner(gradient);
        using var plain = new Runner(gradient, optimise: false);
        GradientCheck.AreClose(optimised.Run(inputs)["a_grad"].ToDoubleArray(), plain.Run(inputs)["a_grad"].ToDoubleArray(), 1e-5, "fused");
    }

    [Test]
    public void Pow_OfMixedTypes_GivesEveryInputItsOwnType()
    {
        var model = Model(15, g =>
        {
            g.Inputs.Add(Float("x", 3));
            g.Inputs.Add(new OnnxValueInfo("p", OnnxElementType.Double, [OnnxDimension.Of(1)]));
            g.AddNode("Pow", ["x", "p"], "y");
            g.Outputs.Add(Float("y", 3));
        });
        using var runner = new Runner(GradientCompiler.Compile(model));
        var result = runner.Run(new Dictionary<string, OnnxTensor>
        {
            ["x"] = Values("x", [3], 1, 2, 3),
            ["p"] = OnnxTensor.Create<double>("p", [1], [2]),
            ["y_grad"] = Values("y_grad", [3], 1, 1, 1),
        });
        Assert.That(result["x_grad"].ToDoubleArray(), Is.EqualTo([2.0, 4, 6]).Within(1e-5));
        Assert.That(result["p_grad"].ElementType, Is.EqualTo(OnnxElementType.Double));
        Assert.That(result["p_grad"].ToDoubleArray()[0], Is.EqualTo((4 * Math.Log(2)) + (9 * Math.Log(3))).Within(1e-4));
    }

    [Test]
    public void Quantisation_IsNoSilentZero()
    {
        var model = Model(13, g =>
        {
            g.Inputs.Add(Float("x", 3));
            g.AddInitializer(OnnxTensor.Scalar("s", 0.1f));
            g.AddNode("QuantizeLinear", ["x", "s"], "q");
            g.AddNode("DequantizeLinear", ["q", "s"], "y");
            g.Outputs.Add(Float("y", 3));
        });
        Assert.That(() => GradientCompiler.Compile(model),
            Throws.TypeOf<OnnxModelException>().With.Message.StartsWith("No output depends differentiably on a float input."));
    }

    [Test]
    public void DynamicQuantisation_IsRefused()
    {
        var model = Model(13, g =>
        {
            g.Inputs.Add(Float("x", 3));
            g.Nodes.Add(new OnnxNode("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]));
            g.AddNode("DequantizeLinear", ["q", "s", "z"], "y");
            g.Outputs.Add(Float("y", 3));
        });
        Assert.That(() => GradientCompiler.Compile(model),
            Throws.TypeOf<UnsupportedOperatorException>().With.Message.Contains("DynamicQuantizeLinear"));
    }

    [Test]
    public void BitCast_BetweenTypes_IsRefused()
    {
        var model = Model(26, g =>
        {
            g.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float16, [OnnxDimension.Of(3)]));
            g.AddNode("BitCast", ["x"], "y", OnnxAttribute.Of("to", (long)OnnxElementType.BFloat16));
            g.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.BFloat16, [OnnxDimension.Of(3)]));
        });
        Assert.That(() => GradientCompiler.Compile(model),
            Throws.TypeOf<UnsupportedOperatorException>().With.Message.Contains("it reads the bits of Float16 as BFloat16."));
    }
}
