using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests.Model;

/// <summary>Forms of versions 1 to 6: converted, they compute what their specification says, written in today's operators.</summary>
public sealed class OldestOpsetTests
{
    /// <param name="Name">What is tested.</param>
    /// <param name="Opset">Version of the old form.</param>
    /// <param name="Shapes">Shapes of the inputs x0, x1, ...</param>
    /// <param name="Old">Adds nodes that make 'y' in the old form.</param>
    /// <param name="New">The same in version 18.</param>
    private sealed record Form(string Name, int Opset, long[][] Shapes, Action<OnnxGraph> Old, Action<OnnxGraph> New)
    {
        public override string ToString() => $"{Name} {Opset}";
    }

    private static OnnxAttribute Int(string name, long value) => OnnxAttribute.Of(name, value);

    private static OnnxAttribute Real(string name, float value) => OnnxAttribute.Of(name, value);

    private static OnnxAttribute Ints(string name, params long[] values) => OnnxAttribute.Of(name, values);

    private static Action<OnnxGraph> Node(string op, string[] inputs, params OnnxAttribute[] attributes) =>
        g => g.AddNode(op, inputs, "y", attributes);

    private static Action<OnnxGraph> With(Action<OnnxGraph> node, params OnnxTensor[] constants) => g =>
    {
        foreach (var tensor in constants)
            g.AddInitializer(tensor);
        node(g);
    };

    private static Action<OnnxGraph> Chain(params (string Op, string[] Inputs, OnnxAttribute[] Attributes)[] nodes) => g =>
    {
        for (var i = 0; i < nodes.Length; i++)
            g.AddNode(nodes[i].Op, nodes[i].Inputs, i == nodes.Length - 1 ? "y" : $"t{i}", nodes[i].Attributes);
    };

    private static OnnxTensor Number(string name, float value) => OnnxTensor.Scalar(name, value);

    private static IEnumerable<Form> Forms()
    {
        string[] x = ["x0"], ab = ["x0", "x1"];
        foreach (var op in new[] { "Add", "Sub", "Mul", "Div", "Pow" })
        {
            foreach (var opset in new[] { 1, 6 })
            {
                OnnxAttribute[] consumed = opset == 1 && op != "Pow" ? [Ints("consumed_inputs", 0, 0)] : [];
                yield return new(op, opset, [[2, 3], [2, 3]], Node(op, ab, consumed), Node(op, ab));
                yield return new(
                    $"{op} last axes", opset, [[2, 3, 4], [3, 4]], Node(op, ab, [Int("broadcast", 1), .. consumed]), Node(op, ab));
                yield return new($"{op} scalar", opset, [[2, 3, 4], []], Node(op, ab, Int("broadcast", 1), Int("axis", 0)), Node(op, ab));
                yield return new($"{op} axis 1", opset, [[2, 3, 4, 5], [3, 4]], Node(op, ab, Int("broadcast", 1), Int("axis", 1)),
                    With(Chain(("Unsqueeze", ["x1", "a"], []), (op, ["x0", "t0"], [])), OnnxTensor.Int64s("a", 2)));
                yield return new($"{op} axis 0", opset, [[2, 3, 4], [2]], Node(op, ab, Int("broadcast", 1), Int("axis", 0)),
                    With(Chain(("Unsqueeze", ["x1", "a"], []), (op, ["x0", "t0"], [])), OnnxTensor.Int64s("a", 1, 2)));
                yield return new(
                    $"{op} axis -1", opset, [[2, 3, 4], [4]], Node(op, ab, Int("broadcast", 1), Int("axis", -1)), Node(op, ab));
            }
        }

        foreach (var op in new[] { "Greater", "Less" })
        {
            yield return new($"{op} axis", 6, [[2, 3, 4], [3]],
                Chain((op, ab, [Int("broadcast", 1), Int("axis", 1)]), ("Cast", ["t0"], [OnnxAttribute.Of("to", 1)])),
                With(Chain(("Unsqueeze", ["x1", "a"], []), (op, ["x0", "t0"], []), ("Cast", ["t1"], [OnnxAttribute.Of("to", 1)])),
                    OnnxTensor.Int64s("a", 1)));
        }

        foreach (var op in new[] { "And", "Or", "Xor", "Equal" })
        {
            var to = op == "Equal" ? OnnxElementType.Int32 : OnnxElementType.Bool;
            (string, string[], OnnxAttribute[]) Part(string name) => ("Cast", [name], [OnnxAttribute.Of("to", (long)to)]);
            yield return new($"{op} axis", 6, [[2, 3, 4], [3]],
                Chain(Part("x0"), Part("x1"), (op, ["t0", "t1"], [Int("broadcast", 1), Int("axis", 1)]),
                    ("Cast", ["t2"], [OnnxAttribute.Of("to", 1)])),
                With(Chain(Part("x0"), Part("x1"), ("Unsqueeze", ["t1", "a"], []), (op, ["t0", "t2"], []),
                    ("Cast", ["t3"], [OnnxAttribute.Of("to", 1)])),
                    OnnxTensor.Int64s("a", 1)));
        }

        foreach (var op in new[] { "Max", "Min", "Sum", "Mean" })
            yield return new(op, 1, [[2, 3], [2, 3]], Node(op, ab, Ints("consumed_inputs", 0, 0)), Node(op, ab));
        foreach (var op in new[] { "Abs", "Neg", "Exp", "Sigmoid", "Tanh", "Relu", "Elu", "LeakyRelu", "HardSigmoid", "Floor",
            "Ceil", "Reciprocal" })
            yield return new(op, 1, [[2, 3]], Node(op, x, Ints("consumed_inputs", 0)), Node(op, x));
        yield return new("Selu", 1, [[2, 3]], Node("Selu", x), Node("Selu", x, Real("alpha", 1.6732f), Real("gamma", 1.0507f)));
        yield return new("Selu", 6, [[2, 3]], Node("Selu", x), Node("Selu", x));
        yield return new("Clip", 1, [[2, 3]], Node("Clip", x, Real("min", 0.7f), Real("max", 1.2f), Ints("consumed_inputs", 0)),
            With(Node("Clip", ["x0", "a", "b"]), Number("a", 0.7f), Number("b", 1.2f)));
        yield return new(
            "Clip one limit", 6, [[2, 3]], Node("Clip", x, Real("max", 1f)), With(Node("Clip", ["x0", "", "b"]), Number("b", 1)));
        yield return new("Gemm", 1, [[2, 3], [3, 4], [2, 4]], Node("Gemm", ["x0", "x1", "x2"], Real("alpha", 0.5f)),
            Node("Gemm", ["x0", "x1", "x2"], Real("alpha", 0.5f)));
        yield return new("Gemm broadcast", 6, [[2, 3], [3, 4], [4]], Node("Gemm", ["x0", "x1", "x2"], Int("broadcast", 1)),
            Node("Gemm", ["x0", "x1", "x2"]));
        yield return new("BatchNormalization", 1, [[2, 3, 4, 4], [3], [3], [3], [3]], Node("BatchNormalization",
            ["x0", "x1", "x2", "x3", "x4"], Int("is_test", 1), Int("spatial", 1), Ints("consumed_inputs", 0, 0, 0, 1, 1)),
            Node("BatchNormalization", ["x0", "x1", "x2", "x3", "x4"]));
        yield return new("BatchNormalization", 6, [[2, 3, 4, 4], [3], [3], [3], [3]],
            Node("BatchNormalization", ["x0", "x1", "x2", "x3", "x4"], Int("is_test", 1), Real("epsilon", 1e-3f)),
            Node("BatchNormalization", ["x0", "x1", "x2", "x3", "x4"], Real("epsilon", 1e-3f)));
        yield return new("Dropout", 1, [[2, 3]], Node("Dropout", x, Int("is_test", 1), Real("ratio", 0.3f), Ints("consumed_inputs", 0)),
            Node("Identity", x));
        yield return new("Dropout", 6, [[2, 3]], Node("Dropout", x, Int("is_test", 1)), Node("Identity", x));
        foreach (var opset in new[] { 1, 6 })
        {
            yield return new("PRelu one slope", opset, [[2, 3, 4], [1]], Node("PRelu", ["n", "x1"]).Before("Neg"),
                Node("PRelu", ["n", "x1"]).Before("Neg"));
            yield return new("PRelu per channel", opset, [[2, 3, 4], [3]], Node("PRelu", ["n", "x1"]).Before("Neg"),
                With(g => { g.AddNode("Unsqueeze", ["x1", "a"], "s"); Node("PRelu", ["n", "s"]).Before("Neg")(g); },
                    OnnxTensor.Int64s("a", 1)));
            yield return new("PRelu of rank 2", opset, [[2, 3], [3]], Node("PRelu", ["n", "x1"]).Before("Neg"),
                Node("PRelu", ["n", "x1"]).Before("Neg"));
        }

        foreach (var mode in new[] { "nearest", "bilinear" })
        {
            yield return new($"Upsample {mode}", 1, [[1, 2, 3, 4]],
                Node("Upsample", x, Real("height_scale", 2), Real("width_scale", 3), OnnxAttribute.Of("mode", mode)),
                With(Node("Resize", ["x0", "", "s"], OnnxAttribute.Of("mode", mode == "nearest" ? mode : "linear"),
                    OnnxAttribute.Of("coordinate_transformation_mode", "asymmetric"),
                    OnnxAttribute.Of("nearest_mode", "floor")), OnnxTensor.Create<float>("s", [4], [1, 1, 2, 3])));
        }

        yield return new("Reshape", 1, [[2, 6]], Node("Reshape", x, Ints("shape", 0, -1, 3), Ints("consumed_inputs", 0)),
            With(Node("Reshape", ["x0", "s"]), OnnxTensor.Int64s("s", 2, 2, 3)));
        yield return new("Reshape", 5, [[2, 6]], With(Node("Reshape", ["x0", "s"]), OnnxTensor.Int64s("s", 3, -1)),
            With(Node("Reshape", ["x0", "s"]), OnnxTensor.Int64s("s", 3, 4)));
        yield return new("Pad", 1, [[2, 3]], Node("Pad", x, Ints("paddings", 0, 1, 2, 0), Real("value", 0.5f)),
            With(Node("Pad", ["x0", "p", "v"]), OnnxTensor.Int64s("p", 0, 1, 2, 0), Number("v", 0.5f)));
        yield return new("Pad edge", 2, [[2, 3]], Node("Pad", x, Ints("pads", 0, 1, 2, 0), OnnxAttribute.Of("mode", "edge")),
            With(Node("Pad", ["x0", "p"], OnnxAttribute.Of("mode", "edge")), OnnxTensor.Int64s("p", 0, 1, 2, 0)));
        yield return new("Cast", 1, [[2, 3]],
            Chain(("Cast", x, [OnnxAttribute.Of("to", "INT32")]), ("Cast", ["t0"], [OnnxAttribute.Of("to", "FLOAT")])), Node("Floor", x));
        yield return new("Concat", 1, [[2, 3], [2, 1]], Node("Concat", ab), Node("Concat", ab, Int("axis", 1)));
        yield return new("Concat axis", 1, [[2, 3], [1, 3]], Node("Concat", ab, Int("axis", 0)), Node("Concat", ab, Int("axis", 0)));
        yield return new("Tile", 1, [[2, 3]], With(Node("Tile", ["x0", "n", "a"]), Number("n", 3), Number("a", 1)),
            With(Node("Tile", ["x0", "r"]), OnnxTensor.Int64s("r", 1, 3)));
        yield return new("Split", 1, [[5, 2]], With(g =>
        {
            g.Nodes.Add(new OnnxNode("Split", ["x0", "s"], ["a", "b"], Int("axis", 0)));
            g.AddNode("Concat", ["b", "a"], "y", Int("axis", 0));
        }, OnnxTensor.Create<float>("s", [2], [2, 3])), With(g =>
        {
            g.Nodes.Add(new OnnxNode("Split", ["x0", "s"], ["a", "b"], Int("axis", 0)));
            g.AddNode("Concat", ["b", "a"], "y", Int("axis", 0));
        }, OnnxTensor.Int64s("s", 2, 3)));
        yield return new("LpPool", 1, [[1, 2, 4, 4]], Node("LpPool", x, Real("p", 2), Ints("kernel_shape", 2, 2)),
            Node("LpPool", x, Int("p", 2), Ints("kernel_shape", 2, 2)));
        yield return new("GlobalLpPool", 1, [[1, 2, 4, 4]], Node("GlobalLpPool", x, Real("p", 1)), Node("GlobalLpPool", x, Int("p", 1)));
        yield return new("MaxPool", 1, [[1, 2, 4, 4]], Node("MaxPool", x, Ints("kernel_shape", 2, 2), Ints("strides", 2, 2)),
            Node("MaxPool", x, Ints("kernel_shape", 2, 2), Ints("strides", 2, 2)));
        yield return new("AveragePool", 1, [[1, 2, 4, 4]], Node("AveragePool", x, Ints("kernel_shape", 3, 3), Ints("pads", 1, 1, 1, 1)),
            Node("AveragePool", x, Ints("kernel_shape", 3, 3), Ints("pads", 1, 1, 1, 1)));
        yield return new("Softmax", 1, [[2, 3, 4]], Node("Softmax", x),
            With(Chain(("Flatten", x, []), ("Softmax", ["t0"], []), ("Reshape", ["t1", "s"], [])), OnnxTensor.Int64s("s", 2, 3, 4)));
        yield return new("TopK", 1, [[2, 5]], g => g.Nodes.Add(new OnnxNode("TopK", x, ["y", "i"], Int("k", 2))),
            With(g => g.Nodes.Add(new OnnxNode("TopK", ["x0", "k"], ["y", "i"])), OnnxTensor.Int64s("k", 2)));
        yield return new("ReduceMean", 1, [[2, 3]], Node("ReduceMean", x, Ints("axes", 1)),
            With(Node("ReduceMean", ["x0", "a"]), OnnxTensor.Int64s("a", 1)));
        yield return new("Slice", 1, [[4, 3]], Node("Slice", x, Ints("starts", 1, 0), Ints("ends", 3, -1), Ints("axes", 0, 1)),
            With(Node("Slice", ["x0", "b", "e", "a"]), OnnxTensor.Int64s("b", 1, 0), OnnxTensor.Int64s("e", 3, -1),
                OnnxTensor.Int64s("a", 0, 1)));
        yield return new(
            "Squeeze", 1, [[2, 1, 3]], Node("Squeeze", x, Ints("axes", 1)), With(Node("Squeeze", ["x0", "a"]), OnnxTensor.Int64s("a", 1)));
        yield return new("InstanceNormalization", 1, [[2, 3, 4], [3], [3]],
            Node("InstanceNormalization", ["x0", "x1", "x2"], Ints("consumed_inputs", 0, 0, 0)),
            Node("InstanceNormalization", ["x0", "x1", "x2"]));
        yield return new("Affine", 1, [[2, 3]], Node("Affine", x, Real("alpha", 2), Real("beta", -1)),
            With(Chain(("Mul", ["x0", "a"], []), ("Sub", ["t0", "b"], [])), Number("a", 2), Number("b", 1)));
        yield return new("Scale", 1, [[2, 3]], Node("Scale", x, Real("scale", 2)), With(Node("Mul", ["x0", "a"]), Number("a", 2)));
        yield return new("ScaledTanh", 1, [[2, 3]], Node("ScaledTanh", x, Real("alpha", 2), Real("beta", 0.5f)),
            With(Chain(("Div", ["x0", "a"], []), ("Tanh", ["t0"], []), ("Mul", ["t1", "a"], [])), Number("a", 2)));
        yield return new("ParametricSoftplus", 1, [[2, 3]], Node("ParametricSoftplus", x, Real("alpha", 2), Real("beta", 0.5f)),
            With(Chain(("Div", ["x0", "a"], []), ("Softplus", ["t0"], []), ("Mul", ["t1", "a"], [])), Number("a", 2)));
        yield return new("ImageScaler", 1, [[1, 2, 3, 3]], Node("ImageScaler", x, Real("scale", 2), OnnxAttribute.Of("bias", [1f, -1])),
            With(Chain(("Mul", ["x0", "a"], []), ("Add", ["t0", "b"], [])), Number("a", 2),
                OnnxTensor.Create<float>("b", [2, 1, 1], [1, -1])));
    }

    private static OnnxModel Model(Form form, int opset, Action<OnnxGraph> nodes)
    {
        var model = new OnnxModel { IrVersion = OpsetConverter.MinimumIrVersion(Math.Max(opset, 9)), OpsetImports = { [""] = opset } };
        for (var i = 0; i < form.Shapes.Length; i++)
            model.Graph.Inputs.Add(new OnnxValueInfo($"x{i}", OnnxElementType.Float, [.. form.Shapes[i].Select(OnnxDimension.Of)]));
        nodes(model.Graph);
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        return model;
    }

    private static Dictionary<string, OnnxTensor> Inputs(Form form)
    {
        var random = new Random(17);
        return form.Shapes.Select((shape, i) => OnnxTensor.FromDoubles($"x{i}", OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => 0.6 + (random.NextDouble() * 0.8))]))
            .ToDictionary(t => t.Name);
    }

    private static IEnumerable<TestCaseData> Cases() => Forms().Select(f => new TestCaseData(f).SetArgDisplayNames($"{f}"));

    [TestCaseSource(nameof(Cases))]
    public void OldForm_ComputesAndDifferentiatesLikeTheNew(object row)
    {
        var form = (Form)row;
        var (old, today, inputs) = (Model(form, form.Opset, form.Old), Model(form, 18, form.New), Inputs(form));
        using var expected = new Runner(today);
        var y = expected.Run(inputs, ["y"])["y"];
        foreach (var opset in new[] { 7, 16, 18 })
        {
            using var converted = new Runner(OpsetConverter.Convert(old, opset));
            var actual = converted.Run(inputs, ["y"])["y"];
            Assert.That(actual.Dimensions, Is.EqualTo(y.Dimensions), $"opset {opset}");
            GradientCheck.AreClose(actual.ToDoubleArray(), y.ToDoubleArray(), 1e-6, $"opset {opset}");
        }

        if (TryRun(old, inputs) is { } original)
            GradientCheck.AreClose(original.ToDoubleArray(), y.ToDoubleArray(), 1e-6, "as the runtime reads it");
        Dictionary<string, OnnxTensor> Gradients(OnnxModel model) => GradientCheck.Gradients(GradientCompiler.Compile(model), inputs,
            GradientCheck.Upstream(new Dictionary<string, OnnxTensor> { ["y"] = y }, ["y"], new Random(3)));
        try
        {
            var gradients = Gradients(today);
            foreach (var (name, gradient) in Gradients(old))
                GradientCheck.AreClose(gradient.ToDoubleArray(), gradients[name].ToDoubleArray(), 1e-5, name);
        }
        catch (GradientException e)
            when (e is UnsupportedOperatorException || e.Message.StartsWith("No output depends", StringComparison.Ordinal))
        {
            // Comparisons have no gradient; neither has an operator without rule.
        }
    }

    [Test]
    public void Forms_ThatNewerVersionsLack_AreRefusedByName()
    {
        void Refused(Action<OnnxGraph> nodes, int opset, string message, params long[][] shapes)
        {
            var model = Model(new Form("", opset, shapes, nodes, nodes), opset, nodes);
            Assert.That(() => OpsetConverter.Convert(model, 16), Throws.TypeOf<OnnxModelException>().With.Message.EqualTo(message));
        }

        string[] five = ["x0", "x1", "x2", "x3", "x4"];
        Assert.Multiple(() =>
        {
            Refused(Node("BatchNormalization", five), 6,
                "BatchNormalization (node 'y') computes as in training (is_test=0). Export the model for inference.",
                [2, 3, 4], [3], [3], [3], [3]);
            Refused(Node("BatchNormalization", five, Int("is_test", 1), Int("spatial", 0)), 6,
                "BatchNormalization (node 'y') normalises every position by itself (spatial=0), a form that operator set 9 withdrew.",
                [2, 3, 4], [3], [3], [3], [3]);
            Refused(Node("Dropout", ["x0"]), 1,
                "Dropout (node 'y') computes as in training (is_test=0). Export the model for inference.", [2L]);
            Refused(Node("LpPool", ["x0"], Real("p", 2.5f), Ints("kernel_shape", 2)), 1,
                "LpPool (node 'y') has p=2.5; newer versions know whole numbers of at least 1 alone.", [1, 1, 4]);
            Refused(Node("Cast", ["x0"], OnnxAttribute.Of("to", "QUATERNION")), 1,
                "Cast (node 'y') casts to 'QUATERNION', which is no element type.", [2L]);
            Refused(Node("Tile", ["x0", "x1", "x1"]), 1, "Tile (node 'y') is converted where its tiles and its axis are constants and the "
                + "rank of its input is known; here they are not.", [2], []);
            Refused(Node("Split", ["x0", "x1"]), 1,
                "Split (node 'y') takes the sizes of its parts from 'x1', which is no constant.", [2], [2]);
            Refused(Node("Add", ["x0", "x1"], Int("broadcast", 1), Int("axis", 2)), 6,
                "Add (node 'y') broadcasts an operand of rank 2 from axis 2 on; the other has rank 3.", [2, 3, 4], [4, 5]);
        });
    }

    private static OnnxTensor? TryRun(OnnxModel model, Dictionary<string, OnnxTensor> inputs)
    {
        try
        {
            using var runner = new Runner(model);
            return runner.Run(inputs, ["y"])["y"];
        }
        catch (OnnxRuntimeException)
        {
            return null;
        }
    }
}

internal static class GraphSteps
{
    /// <summary>Puts a node 'n' of one input before others.</summary>
    public static Action<OnnxGraph> Before(this Action<OnnxGraph> nodes, string opType) => g =>
    {
        g.AddNode(opType, ["x0"], "n");
        nodes(g);
    };
}
