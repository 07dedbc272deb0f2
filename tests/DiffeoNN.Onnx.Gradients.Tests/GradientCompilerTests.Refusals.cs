namespace DiffeoNN.Onnx.Gradients.Tests;

/// <content>Operators without a rule: on the path, off it, and several at once.</content>
public sealed partial class GradientCompilerTests
{
    [Test]
    public void Compile_OfOperatorsWithoutRule_ListsAllOfThem()
    {
        var model = Model(g =>
        {
            g.Inputs.Add(Float("x", 3));
            g.Nodes.Add(new OnnxNode("Frobnicate", ["x"], ["a"]) { Name = "/head/first", Domain = "com.example" });
            g.Nodes.Add(new OnnxNode("Whirl", ["a"], ["y"]) { Name = "/head/second" });
            g.Outputs.Add(Float("y"));
        });
        model.OpsetImports["com.example"] = 1;
        Assert.That(() => GradientCompiler.Compile(model), Throws.TypeOf<UnsupportedOperatorException>()
            .With.Message.EqualTo(
                "No gradient rule for 2 operators: com.example.Frobnicate (node '/head/first'), Whirl-17 (node '/head/second'). "
                + "Rules for operators of other domains are given by GradientOptions.Operators."));
    }

    [Test]
    public void Compile_OfAModelLaidOutForOneProcessor_SaysHowToSaveItOtherwise()
    {
        var model = Model(g =>
        {
            g.Inputs.Add(Float("x", 1, 8, 4, 4));
            g.Nodes.Add(new OnnxNode("ReorderOutput", ["x"], ["y"]) { Name = "reorder", Domain = "com.microsoft.nchwc" });
            g.Outputs.Add(Float("y", 1, 8, 4, 4));
        });
        model.OpsetImports["com.microsoft.nchwc"] = 1;
        Assert.That(() => GradientCompiler.Compile(model), Throws.TypeOf<UnsupportedOperatorException>().With.Message.EqualTo(
            "No gradient rule for 1 operator: com.microsoft.nchwc.ReorderOutput (node 'reorder'). Operators of com.microsoft.nchwc are "
            + "laid out for one processor; save the optimised model at level ORT_ENABLE_EXTENDED."));
    }

    [Test]
    public void Compile_OfOperatorWithoutRule_OffThePath_Succeeds()
    {
        var model = Model(g =>
        {
            g.Inputs.Add(Float("x", 2, 2));
            g.Inputs.Add(Float("m", 2, 2));
            g.AddNode("Det", ["m"], "d");
            g.AddNode("Mul", ["x", "d"], "y");
            g.Outputs.Add(Float("y", 2, 2));
        });
        Assert.That(GradientCompiler.Compile(model, new GradientOptions { Inputs = ["x"] }).Graph.Outputs.Select(o => o.Name),
            Does.Contain("x_grad"));
    }

    [Test]
    public void Compile_WithSeveralRefusals_NamesAllAtOnce()
    {
        var model = Model(g =>
        {
            g.Inputs.Add(Float("x", 2, 3, 4, 4));
            g.AddInitializer(OnnxTensor.Create<long>("t", [2, 4, 4], new long[32]));
            g.AddNode("NoSuchOperator", ["x"], "a");
            g.AddNode("NegativeLogLikelihoodLoss", ["x", "t"], "c", OnnxAttribute.Of("reduction", "largest"));
            g.AddNode("AnotherUnknown", ["c"], "d");
            g.AddNode("Add", ["a", "c"], "y");
            g.Outputs.Add(Float("y", 2, 3, 4, 4));
            g.Outputs.Add(Float("d", 2, 3, 4, 4));
        });
        Assert.That(() => GradientCompiler.Compile(model), Throws.TypeOf<UnsupportedOperatorException>()
            .With.Message.Contains("No gradient rule for 2 operators: NoSuchOperator-17 (node 'a'), AnotherUnknown-17 (node 'd').")
            .And.Message.Contains("'c'")
            .And.Property(nameof(UnsupportedOperatorException.Nodes)).EquivalentTo(new[] { "a", "d", "c" }));
    }
}
