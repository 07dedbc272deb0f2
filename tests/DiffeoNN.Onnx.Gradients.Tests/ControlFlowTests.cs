namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>Gradients through If, Loop and Scan against finite differences, in float64.</summary>
public sealed class ControlFlowTests
{
    private static OnnxGraph Graph(Action<OnnxGraph> build)
    {
        var graph = new OnnxGraph { Name = "body" };
        build(graph);
        return graph;
    }

    private static OnnxModel Model(Action<OnnxGraph> build, int opset = 17)
    {
        var model = new OnnxModel { OpsetImports = { [""] = opset } };
        build(model.Graph);
        return model;
    }

    private static OnnxValueInfo Double(string name, params OnnxDimension[] shape) => new(name, OnnxElementType.Double, shape);

    private static OnnxValueInfo Any(string name) => new(name, OnnxElementType.Double, null);

    private static OnnxTensor Numbers(string name, params long[] shape)
    {
        var random = new Random(name.Length);
        return OnnxTensor.FromDoubles(name, OnnxElementType.Double, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (random.NextDouble() * 2) - 1)]);
    }

    private static OnnxModel Check(
        OnnxModel model, Dictionary<string, OnnxTensor> inputs, GradientOptions? options = null, double tolerance = 1e-7,
        double step = 1e-3)
    {
        var gradient = GradientCompiler.Compile(model, options);
        var differentiated = gradient.Graph.Inputs.Select(i => i.Name).Where(n => n.EndsWith("_grad", StringComparison.Ordinal))
            .Select(n => n[..^5]).ToList();
        using var forward = new Runner(model, optimise: false);
        var upstream = GradientCheck.Upstream(forward.Run(inputs), differentiated, new Random(5));
        var names = gradient.Graph.Outputs.Select(o => o.Name).Where(n => n.EndsWith("_grad", StringComparison.Ordinal))
            .Select(n => n[..^5]).ToList();
        var expected = GradientCheck.FiniteDifferences(forward, inputs, upstream, names, step);
        var actual = GradientCheck.Gradients(gradient, inputs, upstream);
        foreach (var name in names)
        {
            Assert.That(actual[name].Dimensions, Is.EqualTo(inputs[name].Dimensions), name);
            GradientCheck.AreClose(actual[name].ToDoubleArray(), expected[name], tolerance, name);
        }

        return gradient;
    }

    private static OnnxModel Choice(OnnxDimension size) => Model(g =>
    {
        g.Inputs.AddRange([new("c", OnnxElementType.Bool, []), Double("x", size, 3), Double("w", 3, 2)]);
        g.AddNode("Tanh", ["x"], "t");
        g.Nodes.Add(new OnnxNode("If", ["c"], ["a", "b"],
            OnnxAttribute.Of("then_branch", Graph(b =>
            {
                b.AddInitializer(OnnxTensor.Scalar("two", 2.0));
                b.AddNode("MatMul", ["t", "w"], "m");
                b.AddNode("Sigmoid", ["m"], "s");
                b.AddNode("Mul", ["s", "two"], "r");
                b.AddNode("Identity", ["t"], "same");
                b.Outputs.AddRange([Any("r"), Any("same")]);
            })),
            OnnxAttribute.Of("else_branch", Graph(b =>
            {
                b.AddNode("ReduceMax", ["x"], "m", OnnxAttribute.Of("keepdims", 1L));
                b.AddNode("Exp", ["m"], "s");
                b.AddNode("Mul", ["x", "s"], "r");
                b.Outputs.AddRange([Any("s"), Any("r")]);
            }))) { Name = "choice" });
        g.AddNode("Mul", ["a", "a"], "y");
        g.Outputs.AddRange([Any("y"), Any("b")]);
    });

    [Test]
    public void If_IsDifferentiatedInTheBranchThatIsTaken([Values] bool condition, [Values] bool free)
    {
        var inputs = new Dictionary<string, OnnxTensor>
        {
            ["c"] = OnnxTensor.Create<bool>("c", [], [condition]),
            ["x"] = Numbers("x", 2, 3),
            ["w"] = Numbers("w", 3, 2),
        };
        var gradient = Check(Choice(free ? "N" : 2), inputs);
        Check(Choice(free ? "N" : 2), inputs, new GradientOptions { Inputs = ["x"], Outputs = ["y"] });
        var matrices = gradient.Graph.Nodes.SelectMany(n => n.Attributes.Values).SelectMany(a => a.Graphs).SelectMany(b => b.Nodes)
            .Count(n => n.OpType == "Sigmoid");
        Assert.That(matrices, Is.EqualTo(1), "what the branch computed is used, not computed again");
    }

    [Test]
    public void If_InsideIf_IsDifferentiated([Values] bool outer, [Values] bool inner)
    {
        OnnxGraph Inner() => Graph(b =>
        {
            b.AddNode("Sin", ["x"], "s");
            b.Nodes.Add(new OnnxNode("If", ["d"], ["i"],
                OnnxAttribute.Of("then_branch", Graph(t =>
                {
                    t.AddNode("Mul", ["s", "x"], "m");
                    t.AddNode("Exp", ["m"], "e");
                    t.Outputs.Add(Any("e"));
                })),
                OnnxAttribute.Of("else_branch", Graph(t =>
                {
                    t.AddNode("Cos", ["s"], "m");
                    t.Outputs.Add(Any("m"));
                }))));
            b.AddNode("Mul", ["i", "s"], "r");
            b.Outputs.Add(Any("r"));
        });
        var model = Model(g =>
        {
            g.Inputs.AddRange([new("c", OnnxElementType.Bool, []), new("d", OnnxElementType.Bool, []), Double("x", 4)]);
            g.Nodes.Add(
                new OnnxNode("If", ["c"], ["y"], OnnxAttribute.Of("then_branch", Inner()), OnnxAttribute.Of("else_branch", Graph(b =>
                {
                    b.AddNode("Mul", ["x", "x"], "q");
                    b.Outputs.Add(Any("q"));
                }))));
            g.Outputs.Add(Any("y"));
        });
        Check(model, new()
        {
            ["c"] = OnnxTensor.Create<bool>("c", [], [outer]),
            ["d"] = OnnxTensor.Create<bool>("d", [], [inner]),
            ["x"] = Numbers("x", 4),
        });
    }

    /// <summary>s = tanh(s W + x_t), z_t = s * x_t, over sequences cut along any axis in any direction.</summary>
    private static OnnxModel Recurrence(OnnxDimension length, int axis, bool backwards, OnnxDimension batch) => Model(g =>
    {
        OnnxDimension[] shape = axis == 0 ? [length, batch, 3] : [batch, length, 3];
        g.Inputs.AddRange([Double("s0", batch, 3), Double("x", shape), Double("w", 3, 3)]);
        var body = Graph(b =>
        {
            b.Inputs.AddRange([Any("s"), Any("e")]);
            b.AddNode("MatMul", ["s", "w"], "m");
            b.AddNode("Add", ["m", "e"], "a");
            b.AddNode("Tanh", ["a"], "n");
            b.AddNode("Mul", ["n", "e"], "z");
            b.Outputs.AddRange([Any("n"), Any("z")]);
        });
        g.Nodes.Add(
            new OnnxNode("Scan", ["s0", "x"], ["last", "all"], OnnxAttribute.Of("body", body), OnnxAttribute.Of("num_scan_inputs", 1),
                OnnxAttribute.Of("scan_input_axes", [(long)axis]), OnnxAttribute.Of("scan_input_directions", [backwards ? 1L : 0]),
                OnnxAttribute.Of("scan_output_axes", [(long)axis]), OnnxAttribute.Of("scan_output_directions", [axis == 0 ? 0L : 1])));
        g.Outputs.AddRange([Any("last"), Any("all")]);
    });

    [Test]
    public void Scan_IsDifferentiated([Values("T", "3", "100")] string length, [Values(0, 1)] int axis, [Values] bool backwards)
    {
        var steps = long.TryParse(length, out var number) ? number : 5;
        var model = Recurrence(number > 0 ? number : length, axis, backwards, number > 0 ? 2 : "N");
        var gradient = Check(model, new()
        {
            ["s0"] = Numbers("s0", 2, 3),
            ["x"] = axis == 0 ? Numbers("x", steps, 2, 3) : Numbers("x", 2, steps, 3),
            ["w"] = Numbers("w", 3, 3),
        });
        Assert.That(gradient.Graph.Nodes.Count(n => n.OpType == "Scan"), Is.EqualTo(length == "3" ? 0 : 2), "short ones are written out");
    }

    /// <summary>v = v * x + i until the trip count is reached or v grows too large; w_i = sin(v).</summary>
    private static OnnxModel Loop(OnnxTensor? trips, bool conditional) => Model(g =>
    {
        g.Inputs.AddRange([Double("v0", 2), Double("x", 2)]);
        if (trips is null)
            g.Inputs.Add(new OnnxValueInfo("trips", OnnxElementType.Int64, []));
        else
            g.AddInitializer(trips);
        g.AddInitializer(OnnxTensor.Scalar("limit", 3.0));
        var body = Graph(b =>
        {
            b.Inputs.AddRange([new("i", OnnxElementType.Int64, []), new("c", OnnxElementType.Bool, []), Any("v")]);
            b.AddNode("Cast", ["i"], "k", OnnxAttribute.Of("to", (long)OnnxElementType.Double));
            b.AddNode("Mul", ["v", "x"], "m");
            b.AddNode("Add", ["m", "k"], "n");
            b.AddNode("Sin", ["n"], "w");
            b.AddNode("ReduceMax", ["n"], "top", OnnxAttribute.Of("keepdims", 0L));
            b.AddNode(conditional ? "Less" : "Equal", conditional ? ["top", "limit"] : ["limit", "limit"], "go");
            b.Outputs.AddRange([new("go", OnnxElementType.Bool, null), Any("n"), Any("w")]);
        });
        g.Nodes.Add(new OnnxNode("Loop", ["trips", "", "v0"], ["v", "w"], OnnxAttribute.Of("body", body)) { Name = "loop" });
        g.AddNode("Mul", ["v", "v"], "y");
        g.Outputs.AddRange([Any("y"), Any("w")]);
    });

    [Test]
    public void Loop_IsDifferentiated([Values] bool conditional, [Values] bool constant)
    {
        var inputs = new Dictionary<string, OnnxTensor>
        {
            ["v0"] = Numbers("v0", 2),
            ["x"] = Numbers("x", 2),
            ["trips"] = OnnxTensor.Scalar("trips", 4L),
        };
        var gradient = Check(Loop(constant ? inputs["trips"] : null, conditional), inputs);
        Assert.That(gradient.Graph.Nodes.Any(n => n.OpType == "Loop"), Is.EqualTo(conditional || !constant),
            "what is known is written out");
    }

    [Test]
    public void Loop_WhoseStatesGrow_IsWrittenOutOrRefused([Values] bool known)
    {
        var model = Model(g =>
        {
            g.Inputs.Add(Double("x", 2));
            if (known)
                g.AddInitializer(OnnxTensor.Scalar("trips", 3L));
            else
                g.Inputs.Add(new OnnxValueInfo("trips", OnnxElementType.Int64, []));
            var body = Graph(b =>
            {
                b.Inputs.AddRange([new("i", OnnxElementType.Int64, []), new("c", OnnxElementType.Bool, []), Any("v")]);
                b.AddNode("Identity", ["c"], "go");
                b.AddNode("Sin", ["v"], "s");
                b.AddNode("Concat", ["s", "x"], "n", OnnxAttribute.Of("axis", 0));
                b.Outputs.AddRange([new("go", OnnxElementType.Bool, null), Any("n")]);
            });
            g.Nodes.Add(new OnnxNode("Loop", ["trips", "", "x"], ["y"], OnnxAttribute.Of("body", body)) { Name = "growing" });
            g.Outputs.Add(Any("y"));
        });
        if (known)
            Check(model, new() { ["x"] = Numbers("x", 2) });
        else
            Assert.That(() => GradientCompiler.Compile(model), Throws.TypeOf<UnsupportedOperatorException>()
                .With.Message.Contains("Loop (node 'growing')").And.Message.Contains("changes its shape"));
    }

    [Test]
    public void UnsupportedOperators_InsideBodies_AreNamed()
    {
        var model = Choice(2);
        model.Graph.Nodes[1].Attributes["else_branch"].Graph.Nodes[1].OpType = "Unheard";
        Assert.That(() => GradientCompiler.Compile(model), Throws.TypeOf<UnsupportedOperatorException>().With.Message.Contains("Unheard"));
    }

    [Test]
    public void FirstFormOfScan_WithItsBatch_IsDifferentiated([Values] bool free, [Values] bool backwards)
    {
        var model = Model(
            g =>
            {
                OnnxValueInfo Float(string name, params OnnxDimension[] shape) => new(name, OnnxElementType.Float, shape);
                g.Inputs.AddRange([Float("s0", free ? "N" : 2, 3), Float("x", free ? "N" : 2, free ? "T" : 4, 3)]);
                var body = Graph(b =>
                {
                    b.Inputs.AddRange([Float("s", 3), Float("e", 3)]);
                    b.AddNode("Mul", ["s", "e"], "m");
                    b.AddNode("Sin", ["m"], "n");
                    b.AddNode("Add", ["n", "e"], "z");
                    b.Outputs.AddRange([Float("z", 3), Float("n", 3)]);
                });
                g.Nodes.Add(new OnnxNode("Scan", ["", "s0", "x"], ["last", "all"], OnnxAttribute.Of("body", body),
                    OnnxAttribute.Of("num_scan_inputs", 1), OnnxAttribute.Of("directions", [backwards ? 1L : 0])));
                g.Outputs.AddRange([Float("last", free ? "N" : 2, 3), Float("all", free ? "N" : 2, free ? "T" : 4, 3)]);
            },
            opset: 8);
        model.IrVersion = 3;
        OnnxTensor Narrow(OnnxTensor t) => OnnxTensor.FromDoubles(t.Name, OnnxElementType.Float, t.Dimensions, t.ToDoubleArray());
        var inputs = new Dictionary<string, OnnxTensor> { ["s0"] = Narrow(Numbers("s0", 2, 3)), ["x"] = Narrow(Numbers("x", 2, 4, 3)) };
        Check(model, inputs, null, 2e-3, 1e-2);
    }

    [Test]
    public void Compile_LeavesBodiesAlone()
    {
        var model = Choice("N");
        var before = model.ToBytes();
        GradientCompiler.Compile(model);
        Assert.That(model.ToBytes(), Is.EqualTo(before));
    }

    /// <summary>The gradient model is a model: its own gradient holds second derivatives.</summary>
    [TestCase("If")]
    [TestCase("Scan")]
    [TestCase("Loop")]
    public void Gradient_IsDifferentiatedAgain(string kind)
    {
        var (model, inputs) = kind switch
        {
            "If" => (Choice("N"), new Dictionary<string, OnnxTensor>
            {
                ["c"] = OnnxTensor.Create<bool>("c", [], [true]),
                ["x"] = Numbers("x", 2, 3),
                ["w"] = Numbers("w", 3, 2),
            }),
            "Scan" => (Recurrence("T", 0, true, "N"),
                new() { ["s0"] = Numbers("s0", 2, 3), ["x"] = Numbers("x", 4, 2, 3), ["w"] = Numbers("w", 3, 3) }),
            _ => (Loop(null, true),
                new() { ["v0"] = Numbers("v0", 2), ["x"] = Numbers("x", 2), ["trips"] = OnnxTensor.Scalar("trips", 3L) }),
        };
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Suffix = "_first", Inputs = ["x"] });
        using var forward = new Runner(model, optimise: false);
        foreach (var (name, output) in forward.Run(inputs))
            inputs[name + "_first"] = Numbers(name + "_first", [.. output.Dimensions]);
        Check(gradient, inputs, new GradientOptions { Inputs = ["x"], Outputs = ["x_first"] }, 1e-6);
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(6)]
    public void Loop_WithAnyNumberOfSteps_IsDifferentiated(long trips)
    {
        var model = Loop(null, conditional: false);
        model.Graph.Outputs.RemoveAt(1);
        Check(model, new() { ["v0"] = Numbers("v0", 2), ["x"] = Numbers("x", 2), ["trips"] = OnnxTensor.Scalar("trips", trips) });
    }

    /// <summary>A choice in every step, made by what the step computed.</summary>
    [Test]
    public void If_InsideScan_IsDifferentiated()
    {
        var body = Graph(b =>
        {
            b.Inputs.AddRange([Double("s"), Double("e")]);
            b.AddInitializer(OnnxTensor.Scalar("zero", 0.0));
            b.AddNode("Mul", ["s", "e"], "m");
            b.AddNode("Greater", ["m", "zero"], "up");
            b.Nodes.Add(new OnnxNode("If", ["up"], ["n"],
                OnnxAttribute.Of("then_branch", Graph(t =>
                {
                    t.AddNode("Exp", ["m"], "exp");
                    t.AddNode("Mul", ["exp", "k"], "r");
                    t.Outputs.Add(Any("r"));
                })),
                OnnxAttribute.Of("else_branch", Graph(t =>
                {
                    t.AddNode("Sub", ["e", "s"], "d");
                    t.Outputs.Add(Any("d"));
                }))));
            b.Outputs.AddRange([Double("n")]);
        });
        var model = Model(g =>
        {
            g.Inputs.AddRange([Double("s0"), Double("x", "T"), Double("k")]);
            g.Nodes.Add(new OnnxNode("Scan", ["s0", "x"], ["y"], OnnxAttribute.Of("body", body), OnnxAttribute.Of("num_scan_inputs", 1)));
            g.Outputs.Add(Double("y"));
        });
        var steps = OnnxTensor.Create<double>("x", [5], [0.5, -0.7, 0.9, 0.4, -0.6]);
        Check(model, new() { ["s0"] = OnnxTensor.Scalar("s0", 0.8), ["x"] = steps, ["k"] = OnnxTensor.Scalar("k", 0.9) });
    }

    /// <summary>Rules that ask the forward node for more outputs do so inside a branch too.</summary>
    [Test]
    public void RecurrentLayerAndPooling_InsideIf_AreDifferentiated()
    {
        OnnxValueInfo Float(string name, params OnnxDimension[] shape) => new(name, OnnxElementType.Float, shape);
        OnnxTensor Narrow(string name, params long[] shape) =>
            OnnxTensor.FromDoubles(name, OnnxElementType.Float, shape, Numbers(name, shape).ToDoubleArray());
        var model = Model(g =>
        {
            g.Inputs.AddRange([new("c", OnnxElementType.Bool, []), Float("x", "T", 2, 3), Float("w", 1, 8, 3), Float("r", 1, 8, 2)]);
            g.Nodes.Add(new OnnxNode("If", ["c"], ["y"],
                OnnxAttribute.Of("then_branch", Graph(b =>
                {
                    b.Nodes.Add(new OnnxNode("LSTM", ["x", "w", "r"], ["", "h"], OnnxAttribute.Of("hidden_size", 2)) { Name = "lstm" });
                    b.Outputs.Add(Float("h", 1, 2, 2));
                })),
                OnnxAttribute.Of("else_branch", Graph(b =>
                {
                    b.AddNode("MaxPool", ["x"], "p", OnnxAttribute.Of("kernel_shape", [2L]));
                    b.AddNode("ReduceSum", ["p"], "q", OnnxAttribute.Of("keepdims", 1));
                    b.Outputs.Add(Float("q", 1, 1, 1));
                })))
            { Name = "choice" });
            g.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        });
        foreach (var condition in new[] { true, false })
        {
            Check(model, new()
            {
                ["c"] = OnnxTensor.Create<bool>("c", [], [condition]),
                // No two within a step of each other, so that no maximum changes places.
                ["x"] = OnnxTensor.FromDoubles(
                    "x", OnnxElementType.Float, [4, 2, 3], [.. Enumerable.Range(0, 24).Select(i => ((i * 7 % 24) / 12.0) - 1)]),
                ["w"] = Narrow("ww", 1, 8, 3).WithName("w"),
                ["r"] = Narrow("rrr", 1, 8, 2).WithName("r"),
            }, null, 2e-3, 1e-2);
        }
    }
}
