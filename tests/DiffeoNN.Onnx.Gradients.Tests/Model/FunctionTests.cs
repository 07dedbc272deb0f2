namespace DiffeoNN.Onnx.Gradients.Tests.Model;

/// <summary>Model-local functions and operators of other domains. What the runtime makes of a model is the reference.</summary>
public sealed class FunctionTests
{
    private const int Opset = 18;

    private static OnnxModel Model(Action<OnnxModel> build, int opset = Opset)
    {
        var model = new OnnxModel { IrVersion = 10, OpsetImports = { [""] = opset, ["local"] = 1 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Double, ["N", 3]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Double, null));
        build(model);
        return model;
    }

    private static OnnxFunction Function(string name, string[] inputs, string[] outputs, OnnxNode[] nodes, OnnxAttribute[]? defaults = null,
        string domain = "local", string overload = "", int opset = Opset) =>
        new(domain, name, overload, inputs, outputs, nodes, defaults ?? [],
            new Dictionary<string, long> { [""] = opset, ["local"] = 1, ["other"] = 1 });

    private static OnnxNode Call(string name, string[] inputs, string[] outputs, params OnnxAttribute[] attributes) =>
        new(name, inputs, outputs, attributes) { Domain = "local" };

    private static OnnxNode Node(string op, string[] inputs, string[] outputs, params OnnxAttribute[] attributes) =>
        new(op, inputs, outputs, attributes);

    private static OnnxAttribute Reference(string name, OnnxAttributeKind kind, string to) => OnnxAttribute.Raw(name, kind, null, to);

    private static OnnxNode Number(string output, double value) =>
        Node("Constant", [], [output], OnnxAttribute.Of("value", OnnxTensor.Scalar("", value)));

    private static Dictionary<string, OnnxTensor> Inputs => new()
    {
        ["x"] = OnnxTensor.Create<double>("x", [2, 3], [0.3, -0.7, 1.1, -0.2, 0.9, -1.3]),
        ["c"] = OnnxTensor.FromDoubles("c", OnnxElementType.Bool, [], [1]),
    };

    /// <summary>The gradient against differences of the model as the runtime understands its functions.</summary>
    private static void Check(OnnxModel model)
    {
        model = OnnxModel.Parse(model.ToBytes());
        using var forward = new Runner(model, optimise: false);
        var upstream = GradientCheck.Upstream(forward.Run(Inputs), ["y"], new Random(3));
        var expected = GradientCheck.FiniteDifferences(forward, Inputs, upstream, ["x"], 1e-3);
        var gradient = GradientCompiler.Compile(model);
        Assert.That(gradient.Functions, Is.Empty);
        GradientCheck.AreClose(GradientCheck.Gradients(gradient, Inputs, upstream)["x"].ToDoubleArray(), expected["x"], 1e-7, "x");
    }

    /// <summary>Sums along an axis that the caller or the default gives, then nodes of the caller's flag.</summary>
    private static OnnxFunction Sum => Function("Sum", ["a"], ["b"],
    [
        Node("Constant", [], ["axis"], Reference("value_ints", OnnxAttributeKind.Ints, "axes")),
        Node("Exp", ["a"], ["e"]),
        Node("ReduceSum", ["e", "axis"], ["b"], Reference("keepdims", OnnxAttributeKind.Int, "keep")),
    ], [OnnxAttribute.Of("axes", [1L])]);

    [Test]
    public void Attributes_TakeTheCallersValue_OrTheDefault_OrAreAbsent() => Check(Model(m =>
    {
        m.Functions.Add(Sum);
        m.Graph.Nodes.AddRange([Call("Sum", ["x"], ["p"]),
            Call("Sum", ["x"], ["q"], OnnxAttribute.Of("axes", [0L]), OnnxAttribute.Of("keep", 0L)), Node("Mul", ["p", "q"], ["y"])]);
    }));

    [Test]
    public void NestedFunctions_PassAttributesOn() => Check(Model(m =>
    {
        m.Functions.Add(Function("Outer", ["a"], ["b"],
            [Call("Sum", ["a"], ["s"], Reference("axes", OnnxAttributeKind.Ints, "where")), Call("Sum", ["s"], ["t"]),
                Node("Div", ["a", "t"], ["b"])]));
        m.Functions.Add(Sum);
        m.Graph.Nodes.AddRange([Call("Outer", ["x"], ["o"], OnnxAttribute.Of("where", [0L])), Node("Tanh", ["o"], ["y"])]);
    }));

    [Test]
    public void OptionalInputs_MayBeAbsent_AtTheEndAndBetween() => Check(Model(m =>
    {
        m.Functions.Add(Function("Bounded", ["a", "low", "high"], ["b"], [Node("Clip", ["a", "low", "high"], ["b"])]));
        m.Graph.Nodes.AddRange(
            [Number("k", 0.5), Call("Bounded", ["x"], ["p"]), Call("Bounded", ["x", "", "k"], ["q"]), Call("Bounded", ["x", "k"], ["r"]),
                Node("Mul", ["p", "q"], ["pq"]), Node("Add", ["pq", "r"], ["y"])]);
    }));

    [Test]
    public void OneName_InTwoDomainsAndOverloads_IsSeveralFunctions() => Check(Model(m =>
    {
        m.OpsetImports["other"] = 1;
        m.Functions.Add(Function("F", ["a"], ["b"], [Node("Exp", ["a"], ["b"])]));
        m.Functions.Add(Function("F", ["a"], ["b"], [Node("Sin", ["a"], ["b"])], overload: "second"));
        m.Functions.Add(Function("F", ["a"], ["b"], [Node("Mul", ["a", "a"], ["b"])], domain: "other"));
        m.Graph.Nodes.AddRange([Call("F", ["x"], ["p"]), new("F", ["p"], ["q"]) { Domain = "local", Overload = "second" },
            new("F", ["q"], ["y"]) { Domain = "other" }]);
    }));

    [Test]
    public void UnusedOutputs_AndOutputsThatAreInputs_AreAllowed()
    {
        OnnxModel Calls(bool named) => Model(m =>
        {
            string[] Outputs(params string[] outputs) => named ? outputs : [.. outputs.Reverse().SkipWhile(o => o.Length == 0).Reverse()];
            m.Functions.Add(Function(
                "Three", ["a"], ["b", "c", "d"], [Node("Exp", ["a"], ["b"]), Node("Sin", ["a"], ["c"]), Node("Identity", ["a"], ["d"])]));
            m.Functions.Add(Function("Same", ["a", "b"], ["b", "a"], []));
            m.Graph.Nodes.AddRange([Call("Three", ["x"], Outputs("", "p", "")), Call("Three", ["x"], Outputs("q", "", "")),
                Call("Three", ["p"], Outputs("", "", "r"))]);
            if (!named)
                m.Graph.Nodes.AddRange([Call("Same", ["q", "r"], ["s", "t"]), Node("Mul", ["s", "t"], ["y"])]);
            else
                m.Graph.Nodes.Add(Node("Mul", ["q", "r"], ["y"]));
        });
        var named = Calls(named: true);
        named.Functions.RemoveAt(1);
        Check(named);
        // The runtime wants every output listed and none that is an input; the format asks for neither.
        var upstream = new Dictionary<string, OnnxTensor> { ["y"] = OnnxTensor.Create<double>("y", [2, 3], [1, 2, 3, 4, 5, 6]) };
        Assert.That(GradientCheck.Gradients(GradientCompiler.Compile(Calls(named: false)), Inputs, upstream)["x"].ToDoubleArray(),
            Is.EqualTo(GradientCheck.Gradients(GradientCompiler.Compile(named), Inputs, upstream)["x"].ToDoubleArray()));
    }

    [Test]
    public void Branches_InsideAFunction_SeeItsValuesAndAttributes([Values] bool condition) => Check(Model(m =>
    {
        OnnxAttribute Branch(string name, string op)
        {
            var graph = new OnnxGraph { Name = name };
            graph.Nodes.AddRange([Node("Constant", [], ["k"], Reference("value_float", OnnxAttributeKind.Float, "factor")),
                Node("Cast", ["k"], ["w"], OnnxAttribute.Of("to", 11L)),
                Node(op, ["e"], ["u"]), Node("Mul", ["u", "w"], ["r"])]);
            graph.Outputs.Add(new OnnxValueInfo("r", OnnxElementType.Double, null));
            return OnnxAttribute.Of(name, graph);
        }

        m.Graph.Inputs.Add(new OnnxValueInfo("c", OnnxElementType.Bool, []));
        m.Functions.Add(Function("Choice", ["flag", "a"], ["b"],
            [Node("Exp", ["a"], ["e"]), Node("If", ["flag"], ["b"], Branch("then_branch", "Sqrt"), Branch("else_branch", "Sin"))],
            [OnnxAttribute.Of("factor", 0.5f)]));
        if (condition)
            m.Graph.Nodes.Add(Node("Identity", ["c"], ["flag"]));
        else
            m.Graph.Nodes.Add(Node("Not", ["c"], ["flag"]));
        m.Graph.Nodes.AddRange(
            [Call("Choice", ["flag", "x"], ["p"], OnnxAttribute.Of("factor", 2f)), Call("Choice", ["flag", "p"], ["y"])]);
    }));

    [Test]
    public void Loops_InsideAFunction_AreDifferentiated_AndMayCallFunctions() => Check(Model(m =>
    {
        var body = new OnnxGraph { Name = "body" };
        body.Inputs.AddRange(
            [new("i", OnnxElementType.Int64, []), new("go", OnnxElementType.Bool, []), new("s", OnnxElementType.Double, null)]);
        body.Nodes.AddRange([Node("Identity", ["go"], ["still"]), Call("Half", ["s"], ["h"]), Node("Add", ["h", "a"], ["next"])]);
        body.Outputs.AddRange([new("still", OnnxElementType.Bool, []), new("next", OnnxElementType.Double, null)]);
        m.Functions.Add(Function("Repeat", ["a"], ["b"],
        [
            Node("Constant", [], ["trips"], OnnxAttribute.Of("value", OnnxTensor.Scalar("", 3L))),
            Node("Loop", ["trips", "", "a"], ["b"], OnnxAttribute.Of("body", body)),
        ]));
        m.Functions.Add(
            Function("Half", ["a"], ["b"], [Node("Sin", ["a"], ["n"]), Number("half", 0.5), Node("Mul", ["n", "half"], ["b"])]));
        m.Graph.Nodes.Add(Call("Repeat", ["x"], ["y"]));
    }));

    [Test]
    public void ABodyAtANewerOperatorSet_RaisesTheModel()
    {
        var model = Model(m =>
        {
            m.Functions.Add(Function(
                "Mean",
                ["a"],
                ["b"],
                [Node("Constant", [], ["axes"], OnnxAttribute.Of("value_ints", [1L])), Node("ReduceMean", ["a", "axes"], ["b"])],
                opset: 18));
            m.Graph.Nodes.AddRange([Node("ReduceMean", ["x"], ["p"], OnnxAttribute.Of("axes", [0L])), Call("Mean", ["x"], ["q"]),
                Node("Mul", ["p", "q"], ["y"])]);
        }, opset: 13);
        var gradient = GradientCompiler.Compile(model);
        Assert.That(gradient.Opset, Is.EqualTo(18));
        var upstream = new Dictionary<string, OnnxTensor> { ["y"] = OnnxTensor.Create<double>("y", [2, 3], [1, 2, 3, 4, 5, 6]) };
        using var forward = new Runner(OpsetConverter.Convert(model, 18), optimise: false);
        var expected = GradientCheck.FiniteDifferences(forward, Inputs, upstream, ["x"], 1e-3);
        GradientCheck.AreClose(GradientCheck.Gradients(gradient, Inputs, upstream)["x"].ToDoubleArray(), expected["x"], 1e-7, "x");
    }

    [Test]
    public void DeepFunctions_AreInlined_AndEndlessOnesRefused()
    {
        OnnxModel Chain(int depth, bool endless) => Model(m =>
        {
            for (var i = 0; i < depth; i++)
                m.Functions.Add(Function($"F{i}", ["a"], ["b"], [Node("Sin", ["a"], ["t"]),
                    i + 1 < depth ? Call($"F{i + 1}", ["t"], ["b"]) : endless ? Call("F0", ["t"], ["b"]) : Node("Exp", ["t"], ["b"])]));
            m.Graph.Nodes.Add(Call("F0", ["x"], ["y"]));
        });
        Check(Chain(20, endless: false));
        Assert.That(() => GradientCompiler.Compile(Chain(3, endless: true)),
            Throws.TypeOf<OnnxModelException>().With.Message.Contains("calls itself, directly or through others"));
    }

    [Test]
    [CancelAfter(60_000)]
    public void FunctionsThatMultiply_AreRefused()
    {
        var model = Model(m =>
        {
            for (var i = 0; i < 40; i++)
                m.Functions.Add(Function($"F{i}", ["a"], ["b"],
                    i == 39 ? [Node("Sin", ["a"], ["b"])] : [Call($"F{i + 1}", ["a"], ["t"]), Call($"F{i + 1}", ["t"], ["b"])]));
            m.Graph.Nodes.Add(Call("F0", ["x"], ["y"]));
        });
        Assert.That(() => GradientCompiler.Compile(model),
            Throws.TypeOf<OnnxModelException>().With.Message.Contains("call each other more than"));
    }

    [Test]
    public void OperatorsOfOtherDomains_AreRefusedTogether_WithTheirDomains()
    {
        var model = Model(m =>
        {
            m.OpsetImports["ai.onnx.ml"] = 3;
            m.OpsetImports["com.microsoft"] = 1;
            m.Functions.Add(
                Function("Wrapped", ["a"], ["b"], [new("MatMulBnb4", ["a", "a"], ["b"]) { Name = "product", Domain = "com.microsoft" }]));
            m.Graph.Nodes.AddRange([new("Scaler", ["x"], ["s"]) { Name = "scale", Domain = "ai.onnx.ml" },
                new("ComplexMul", ["s", "s"], ["g"]) { Name = "complex", Domain = "com.microsoft" }, Call("Wrapped", ["g"], ["y"])]);
        });
        Assert.That(() => GradientCompiler.Compile(model), Throws.TypeOf<UnsupportedOperatorException>().With.Message.Match(
            @"^No gradient rule for 3 operators: ai\.onnx\.ml\.Scaler \(node 'scale'\), com\.microsoft\.ComplexMul \(node 'complex'\), "
            + @"com\.microsoft\.MatMulBnb4 \(node '.*product'\)\. Rules for operators of other domains are given by "
            + @"GradientOptions\.Operators\.$"));
    }
}
