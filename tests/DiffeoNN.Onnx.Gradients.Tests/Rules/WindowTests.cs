namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>Windows that reach past the input, and sizes that the runtime states otherwise than it makes them.</summary>
public sealed class WindowTests
{
    private static IEnumerable<TestCaseData> ReachingMaxPools()
    {
        yield return Case("SAME of an odd size, as TensorFlow pads it", [1, 2, 9, 12], [2, 2], Pads(0, 0, 1, 0));
        yield return Case("SAME_UPPER", [1, 2, 9, 7], [2, 2], OnnxAttribute.Of("auto_pad", "SAME_UPPER"));
        yield return Case("SAME_LOWER", [1, 2, 9, 7], [2, 2], OnnxAttribute.Of("auto_pad", "SAME_LOWER"));
        yield return Case("rounded up", [1, 2, 7, 6], [2, 2], OnnxAttribute.Of("ceil_mode", 1L));
        yield return Case("rounded up behind padding", [1, 1, 7], [3], Pads(1, 1), OnnxAttribute.Of("ceil_mode", 1L));
        yield return Case("padded all around in three dimensions", [1, 1, 5, 5, 5], [2, 2, 2], Pads(1, 1, 1, 1, 1, 1));
        yield return Case("uneven padding in one dimension", [2, 2, 8], [3], Pads(2, 1));
        yield return Case("columns first", [1, 2, 5, 7], [2, 2], Pads(1, 0, 0, 1), OnnxAttribute.Of("storage_order", 1L));
        yield return Case("dilated", [1, 1, 9], [2], Pads(1, 1), OnnxAttribute.Of("dilations", [2L]), OnnxAttribute.Of("strides", [3L]));

        static OnnxAttribute Pads(params long[] pads) => OnnxAttribute.Of("pads", pads);
        static TestCaseData Case(string name, long[] shape, long[] kernel, params OnnxAttribute[] attributes) =>
            new TestCaseData(shape, Windows(kernel, attributes)).SetArgDisplayNames(name);
        static OnnxAttribute[] Windows(long[] kernel, OnnxAttribute[] more) =>
            [OnnxAttribute.Of("kernel_shape", kernel), OnnxAttribute.Of("strides", kernel), .. more];
    }

    [TestCaseSource(nameof(ReachingMaxPools))]
    public void MaxPool_WhoseWindowsReachPastTheInput_SendsGradientsToTheMaxima(long[] shape, object attributes)
    {
        var test = new RuleCase("MaxPool", [12], [Operand.Between(-2, 2, [], shape)], (OnnxAttribute[])attributes);
        var inputs = test.Inputs(1);
        var model = test.Model(12);
        using var runner = new Runner(model);
        var y = runner.Run(inputs)["y0"];
        double[] numbers = [.. Enumerable.Range(1, (int)y.Count).Select(i => (double)i)];
        var upstream = OnnxTensor.FromDoubles("y0", OnnxElementType.Float, y.Dimensions, numbers);

        // The windows do not overlap: every maximum, all of them different, gets the gradient of its own window.
        var places = y.ToDoubleArray().Index().ToDictionary(pair => pair.Item, pair => pair.Index + 1.0);
        double[] expected = [.. inputs["x0"].ToDoubleArray().Select(x => places.GetValueOrDefault((float)x))];
        foreach (var free in new[] { false, true })
        {
            var gradient = GradientCompiler.Compile(test.Model(12, free: free));
            var found = GradientCheck.Gradients(gradient, inputs, new Dictionary<string, OnnxTensor> { ["y0"] = upstream })["x0"];
            Assert.That(found.ToDoubleArray(), Is.EqualTo(expected), $"free sizes: {free}");
            Assert.That(gradient.Graph.Nodes.Count(n => n.OpType == "MaxUnpool"), Is.EqualTo(1), "the cheaper of the two ways");
        }
    }

    [Test]
    public void MaxPool_WithIndicesInUse_HasTheGradientOfBoth()
    {
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 12 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [1, 1, 5, 5]));
        model.Graph.Nodes.Add(new OnnxNode("MaxPool", ["x"], ["pooled", "places"],
            [OnnxAttribute.Of("kernel_shape", [2L, 2]), OnnxAttribute.Of("strides", [2L, 2]), OnnxAttribute.Of("pads", [1L, 1, 0, 0])]));
        model.Graph.AddNode("Mul", ["pooled", "pooled"], "squared");
        model.Graph.AddNode("MaxUnpool", ["squared", "places", model.Graph.AddInitializer(OnnxTensor.Int64s("shape", 1, 1, 5, 5))], "y",
            OnnxAttribute.Of("kernel_shape", [1L, 1]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        var test = new RuleCase("MaxPool", [12], [Operand.Between(-2, 2, [], 1, 1, 5, 5)]);
        var inputs = new Dictionary<string, OnnxTensor> { ["x"] = test.Inputs(3)["x0"].WithName("x") };
        using var runner = new Runner(model, optimise: false);
        var upstream = GradientCheck.Upstream(runner.Run(inputs), ["y"], new Random(4));
        using var wide = GradientCheck.TryDouble(model, inputs);
        var expected = wide is null ? GradientCheck.FiniteDifferences(runner, inputs, upstream, ["x"], 1e-2)
            : GradientCheck.FiniteDifferences(wide, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream), ["x"], 1e-3);
        var actual = GradientCheck.Gradients(GradientCompiler.Compile(model), inputs, upstream)["x"];
        GradientCheck.AreClose(actual.ToDoubleArray(), expected["x"], 2e-3, "pool and unpool");
    }

    [Test]
    public void LpPool_WhoseLastWindowStartsInPadding_LoadsAndIsRight()
    {
        var model = LpPool([1, 1, 5, 5]);
        var x = OnnxTensor.FromDoubles("x", OnnxElementType.Float, [1, 1, 5, 5], [.. Enumerable.Range(1, 25).Select(i => i / 10.0)]);
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Seed = GradientSeed.Ones });
        var inputs = new Dictionary<string, OnnxTensor> { ["x"] = x };
        var found = GradientCheck.Gradients(gradient, inputs, new Dictionary<string, OnnxTensor>())["x"].ToDoubleArray();
        // Windows are the corner, pairs along the border and squares inside: x / |window|.
        double[] squares = [.. new[] { 0.2 * 0.2 + (0.3 * 0.3), 0.4 * 0.4 + (0.5 * 0.5) }];
        var (first, second) = (Math.Sqrt(squares[0]), Math.Sqrt(squares[1]));
        double[] expected = [1, 0.2 / first, 0.3 / first, 0.4 / second, 0.5 / second];
        Assert.That(found[..5], Is.EqualTo(expected).Within(1e-5));
    }

    [Test]
    public void LpPool_BesideValuesOfTheStatedSize_Runs()
    {
        // The runtime states 4x4 for the pool, which makes 3x3, and would give its memory to the next 4x4.
        var model = LpPool([1, 1, 5, 5]);
        model.Graph.Inputs.Add(new OnnxValueInfo("q", OnnxElementType.Float, [1, 1, 4, 4]));
        model.Graph.Outputs.Clear();
        model.Graph.AddNode("ReduceSum", ["y"], "sum");
        model.Graph.AddNode("Add", ["q", "sum"], "shifted");
        model.Graph.AddNode("MatMul", ["shifted", "shifted"], "z");
        model.Graph.Outputs.Add(new OnnxValueInfo("z", OnnxElementType.Float, null));
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Seed = GradientSeed.Ones });
        var inputs = new Dictionary<string, OnnxTensor>
        {
            ["x"] = OnnxTensor.FromDoubles("x", OnnxElementType.Float, [1, 1, 5, 5], [.. Enumerable.Repeat(1.0, 25)]),
            ["q"] = OnnxTensor.FromDoubles("q", OnnxElementType.Float, [1, 1, 4, 4], new double[16]),
        };
        var found = GradientCheck.Gradients(gradient, inputs, new Dictionary<string, OnnxTensor>());
        // Every element of z is 4 s^2 with s = 1 + 2 * 2 sqrt(2) + 4 * 2, so that dz/ds summed is 16 * 8 s.
        var slope = 128 * (9 + (4 * Math.Sqrt(2)));
        Assert.That(found["x"].ToDoubleArray()[0], Is.EqualTo(slope).Within(1e-5 * slope));
        Assert.That(found["q"].ToDoubleArray(), Has.All.EqualTo(slope / 16).Within(1e-4 * slope));
    }

    [TestCase("SAME_UPPER", 2, 1, false)]
    [TestCase("SAME_LOWER", 2, 1, false)]
    [TestCase("SAME_UPPER", 2, 1, true)]
    [TestCase("SAME_LOWER", 3, 2, false)]
    [TestCase("SAME_UPPER", 4, 3, true)]
    public void ConvTranspose_WithStridesLongerThanTheKernel_HasTheRuntimesSize(string automatic, int stride, int kernel, bool free)
    {
        foreach (var rank in new[] { 1, 2, 3 })
        {
            var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17 } };
            long[] shape = [1, 1, .. Enumerable.Repeat(2L, rank)];
            OnnxDimension[] declared = [.. shape.Select((s, d) => free ? OnnxDimension.Of($"d{d}") : s)];
            model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, declared));
            var count = (int)Math.Pow(kernel, rank);
            long[] weights = [1, 1, .. Enumerable.Repeat((long)kernel, rank)];
            model.Graph.AddInitializer(OnnxTensor.FromDoubles("w", OnnxElementType.Float, weights, [.. Enumerable.Repeat(2.0, count)]));
            model.Graph.AddNode("ConvTranspose", ["x", "w"], "y",
                OnnxAttribute.Of("auto_pad", automatic), OnnxAttribute.Of("strides", Enumerable.Repeat((long)stride, rank)));
            model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
            var x = OnnxTensor.FromDoubles("x", OnnxElementType.Float, shape, [.. Enumerable.Range(1, 1 << rank).Select(i => i / 4.0)]);
            var inputs = new Dictionary<string, OnnxTensor> { ["x"] = x };
            using var runner = new Runner(model);
            var y = runner.Run(inputs)["y"];
            Assert.That(y.Dimensions.Skip(2), Has.All.EqualTo(stride + kernel), "nothing is filled up");

            var gradient = GradientCompiler.Compile(model);
            if (!free)
                Assert.That(gradient.Graph.Input("y_grad").Shape!.Select(d => d.Size), Is.EqualTo(y.Dimensions));
            var ones = OnnxTensor.FromDoubles("y", OnnxElementType.Float, y.Dimensions, [.. Enumerable.Repeat(1.0, (int)y.Count)]);
            var found = GradientCheck.Gradients(gradient, inputs, new Dictionary<string, OnnxTensor> { ["y"] = ones })["x"];
            Assert.That(found.ToDoubleArray(), Has.All.EqualTo(2.0 * count), $"{rank} dimensions");
        }
    }

    [TestCase("AveragePool", 21, new long[] { 7, 6 }, new long[] { 4, 2 }, new long[] { 2, 3 }, new long[] { 3, 2 })]
    [TestCase("LpPool", 21, new long[] { 2, 1, 4 }, new long[] { 1, 1, 1 }, new long[] { 3, 1, 4 }, new long[] { 1, 1, 1 })]
    public void Pools_ThatLeaveOutElementsAndRoundUp_AgreeWithFiniteDifferences(
        string opType, int opset, long[] sizes, long[] kernel, long[] strides, long[] dilations)
    {
        OnnxAttribute[] attributes =
        [
            OnnxAttribute.Of("kernel_shape", kernel), OnnxAttribute.Of("strides", strides), OnnxAttribute.Of("dilations", dilations),
            OnnxAttribute.Of("auto_pad", "SAME_UPPER"), OnnxAttribute.Of("ceil_mode", 1L),
            .. opType == "AveragePool" ? new[] { OnnxAttribute.Of("count_include_pad", 1L) } : [],
        ];
        var test = new RuleCase(opType, [opset], [Operand.Any([1, 2, .. sizes])], attributes);
        var model = test.Model(opset);
        var inputs = test.Inputs(5);
        using var runner = new Runner(model, optimise: false);
        var upstream = GradientCheck.Upstream(runner.Run(inputs), ["y0"], new Random(6));
        var expected = GradientCheck.FiniteDifferences(runner, inputs, upstream, ["x0"], 1e-2);
        var actual = GradientCheck.Gradients(GradientCompiler.Compile(model), inputs, upstream)["x0"];
        GradientCheck.AreClose(actual.ToDoubleArray(), expected["x0"], 2e-3, $"{test}");
    }

    [TestCase("LpPool", false)]
    [TestCase("LpPool", true)]
    [TestCase("AveragePool", false)]
    [TestCase("AveragePool", true)]
    [TestCase("MaxPool", false)]
    [TestCase("MaxPool", true)]
    public void Pools_IntoWhichNoWindowFits_HaveAGradientOfZeros(string opType, bool free)
    {
        OnnxAttribute[] attributes = [OnnxAttribute.Of("kernel_shape", [4L, 1]), OnnxAttribute.Of("strides", [1L, 2])];
        var test = new RuleCase(opType, [18], [Operand.Any(2, 3, 3, 4)], attributes);
        var inputs = test.Inputs(8);
        var upstream = new Dictionary<string, OnnxTensor>
            { ["y0"] = OnnxTensor.FromDoubles("y0", OnnxElementType.Float, [2, 3, 0, 2], []) };
        var found = GradientCheck.Gradients(GradientCompiler.Compile(test.Model(18, free: free)), inputs, upstream)["x0"];
        Assert.That(found.Dimensions, Is.EqualTo(inputs["x0"].Dimensions));
        Assert.That(found.ToDoubleArray(), Has.All.Zero);
    }

    [Test]
    public void LpPool_PaddedForAnUndilatedKernel_KeepsWhatTheRuntimeMakes(
        [Values("SAME_UPPER", "SAME_LOWER")] string automatic, [Values(18, 22)] int opset)
    {
        // The runtime pads for 2 elements every 4, which 8 elements exceed by 2: one window of the 4 that the dilated kernel spans is left.
        OnnxAttribute[] attributes =
        [
            OnnxAttribute.Of("kernel_shape", [2L]), OnnxAttribute.Of("strides", [4L]), OnnxAttribute.Of("dilations", [3L]),
            OnnxAttribute.Of("auto_pad", automatic),
        ];
        var test = new RuleCase("LpPool", [opset], [Operand.Any(1, 1, 8)], attributes);
        var (model, inputs) = (test.Model(opset), test.Inputs(9));
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Seed = GradientSeed.Ones });
        using var given = new Runner(model);
        using var emitted = new Runner(gradient);
        var (y, found) = (given.Run(inputs)["y0"], emitted.Run(inputs));
        Assert.That(found["y0"].Dimensions, Is.EqualTo(y.Dimensions));
        Assert.That(found["y0"].ToDoubleArray(), Is.EqualTo(y.ToDoubleArray()).Within(1e-6));
        Assert.That(y.Count, Is.EqualTo(1));
        // The first of its two elements is the first of the input, or the one behind it where the end gets less of what is left out.
        var x = inputs["x0"].ToDoubleArray();
        var first = automatic == "SAME_UPPER" ? 1 : 0;
        var norm = y.ToDoubleArray()[0];
        double[] expected = [.. x.Select((value, i) => i == first || i == first + 3 ? value / norm : 0)];
        Assert.That(found["x0_grad"].ToDoubleArray(), Is.EqualTo(expected).Within(1e-5));
    }

    [Test]
    public void Pools_ThatNeedNoOtherForm_StayAsTheyAre()
    {
        OnnxAttribute[] attributes =
            [OnnxAttribute.Of("kernel_shape", [3L, 3]), OnnxAttribute.Of("strides", [2L, 2]), OnnxAttribute.Of("ceil_mode", 1L)];
        foreach (var op in new[] { "MaxPool", "AveragePool", "LpPool" })
        {
            var model = new RuleCase(op, [18], [Operand.Any(1, 1, 6, 6)], attributes).Model(18);
            var node = GradientCompiler.Compile(model).Graph.Nodes.First(n => n.OpType == op);
            var given = model.Graph.Nodes[0].Attributes.Values.Select(a => a.ToString());
            Assert.That(node.Attributes.Values.Select(a => a.ToString()), Is.EqualTo(given), op);
        }
    }

    private static OnnxModel LpPool(long[] shape)
    {
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 18 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [.. shape.Select(s => OnnxDimension.Of(s))]));
        model.Graph.AddNode("LpPool", ["x"], "y", OnnxAttribute.Of("kernel_shape", [2L, 2]), OnnxAttribute.Of("strides", [2L, 2]),
            OnnxAttribute.Of("pads", [1L, 1, 1, 1]), OnnxAttribute.Of("ceil_mode", 1L));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        return model;
    }
}
