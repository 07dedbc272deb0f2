namespace DiffeoNN.Onnx.Gradients.Tests;

/// <content>Rules of the caller's own that do not fit: what they make, and where they do not hold.</content>
public sealed partial class GradientCompilerTests
{
    private static readonly GradientRule Copied = new(1, n => [() => n.dY]);

    [Test]
    public void Compile_WithARuleWhoseGradientIsNotAsItsInput_NamesRuleAndNode()
    {
        Assert.Multiple(() =>
        {
            Refused(new GradientRule(1, n => [() => n.dY.Apply("Transpose")]), "shape [4,2], where [2,4] was expected");
            Refused(new GradientRule(1, n => [() => n.Op("Unsqueeze", n.dY, n.Integers(0))]), "shape [1,2,4], where [2,4] was expected");
            Refused(new GradientRule(1, n => [() => n.dY.Cast(OnnxElementType.Double)]),
                "element type Double, where Float was expected");
        });

        static void Refused(GradientRule rule, string found) => Assert.That(
            () => GradientCompiler.Compile(Own("node", 2, 4), With(Twist(rule))),
            Throws.TypeOf<UnsupportedOperatorException>().With.Message.EqualTo(
                $"No gradient for Twist (node 'node'): its rule gives input 0 ('x') a gradient of {found}; a gradient has those of its "
                + "input."));
    }

    [Test]
    public void Compile_WithARuleOfAnotherRank_IsRefusedThoughSizesAreFree()
    {
        var model = Own("node", "N", 4);
        Assert.That(() => GradientCompiler.Compile(
                model, With(Twist(new GradientRule(1, n => [() => n.Op("Unsqueeze", n.dY, n.Integers(0))])))),
            Throws.TypeOf<UnsupportedOperatorException>().With.Message.Contains("shape [1,N,4], where [N,4] was expected"));
        Assert.That(GradientCompiler.Compile(model, With(Twist(Copied))).Graph.Outputs.Select(output => output.Name),
            Does.Contain("x_grad"), "the right one is taken");
    }

    [Test]
    public void Compile_WithABodyWhoseOutputIsNotAsDescribed_NamesRuleAndNode()
    {
        Assert.That(() => GradientCompiler.Compile(
                Own("node", 2, 4), With(Twist(GradientRule.Expanded(1, n => [n.X.Apply("Transpose")])))),
            Throws.TypeOf<UnsupportedOperatorException>().With.Message.EqualTo(
                "No gradient for Twist (node 'node'): the body of its rule gives output 0 ('y') with shape [4,2], where [2,4] was "
                + "expected."));
        Assert.That(GradientCompiler.Compile(Own("node", 2, 4), With(Twist(GradientRule.Expanded(1, n => [n.X.Apply("Tanh")]))))
            .Graph.Nodes.Select(node => node.OpType), Does.Contain("Tanh").And.Not.Contain("Twist"));
    }

    [Test]
    public void Compile_OfAnOperatorWhoseRuleDoesNotHold_SaysWhatTheSetHasInstead()
    {
        var late = new GradientRule(2, n => [() => n.dY]);
        var round = OperatorSet.Default.Find("", "Round")! with { Gradients = [new GradientRule(99, n => [() => n.dY])] };
        var rounding = Own("", 2, 4);
        rounding.Graph.Nodes[0] = new OnnxNode("Round", ["x"], ["y"]);
        const string Elsewhere = " Rules for operators of other domains are given by GradientOptions.Operators.";
        Assert.Multiple(() =>
        {
            Refused(Own("", 2, 4), Twist(late), "com.mine.Twist (node 'y'; its rule begins at version 2, the model imports 1).");
            Refused(Own("node", 2, 4), Twist(late), "com.mine.Twist (node 'node'; its rule begins at version 2, the model imports 1).");
            Refused(Own("", 2, 4), Twist(Copied) with { Domain = "com.other" },
                "com.mine.Twist (node 'y'; there is one of domain 'com.other').");
            Refused(Own("", 2, 4), Twist(Copied) with { Gradients = [] },
                "com.mine.Twist (node 'y'; its definition holds no gradient rule).");
            Refused(Own("", 2, 4), round, $"com.mine.Twist (node 'y').{Elsewhere}");
            Refused(rounding, round, "Round-17 (node 'y'; its rule begins at version 99, the model is compiled at 17).");
        });

        static void Refused(OnnxModel model, OperatorDefinition row, string text) => Assert.That(
            () => GradientCompiler.Compile(model, With(row)), Throws.TypeOf<UnsupportedOperatorException>()
                .With.Message.EqualTo($"No gradient rule for 1 operator: {text}")
                .And.Property(nameof(UnsupportedOperatorException.Nodes)).EqualTo(new[] { text.Split('\'')[1] }));
    }

    private static GradientOptions With(OperatorDefinition row) => new() { Operators = OperatorSet.Default.With(row) };

    private static OperatorDefinition Twist(GradientRule rule) =>
        new("Twist", rule) { Domain = "com.mine", Shapes = n => [n.Facts(0)] };

    /// <summary>y = Twist(x), an operator of domain com.mine at version 1.</summary>
    private static OnnxModel Own(string name, params OnnxDimension[] shape)
    {
        var model = Model(g =>
        {
            g.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, shape));
            g.Nodes.Add(new OnnxNode("Twist", ["x"], ["y"]) { Name = name, Domain = "com.mine" });
            g.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, shape));
        });
        model.OpsetImports["com.mine"] = 1;
        return model;
    }
}
