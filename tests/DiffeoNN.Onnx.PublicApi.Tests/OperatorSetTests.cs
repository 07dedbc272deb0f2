using DiffeoNN.Onnx.Gradients;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.PublicApi.Tests;

/// <summary>Operators registered from outside the assembly.</summary>
public sealed class OperatorSetTests
{
    private static OperatorDefinition Definition(params IReadOnlyList<GradientRule> gradients) =>
        new("SquaredRelu") { Domain = "com.example", Gradients = gradients, Shapes = n => [n.Facts(0)] };

    private static GradientRule ByFormula { get; } = new(1, n => [() => n.dY * n.X.Apply("Relu") * 6]);

    private static GradientOptions With(params IEnumerable<OperatorDefinition> operators) =>
        new() { Operators = OperatorSet.Default.With(operators) };

    [Test]
    public void With_MakesASetOfItsOwn()
    {
        var more = OperatorSet.Default.With(Definition(ByFormula));
        Assert.Multiple(() =>
        {
            Assert.That(more.Find("com.example", "SquaredRelu"), Is.Not.Null);
            Assert.That(more.FindRule("com.example", "SquaredRelu", 1)!.OpType, Is.EqualTo("SquaredRelu"));
            Assert.That(OperatorSet.Default.Find("com.example", "SquaredRelu"), Is.Null);
            Assert.That(() => GradientCompiler.Compile(SquaredRelu.Model()), Throws.TypeOf<UnsupportedOperatorException>()
                .With.Message.EqualTo("No gradient rule for 1 operator: com.example.SquaredRelu (node 'squared'). "
                    + "Rules for operators of other domains are given by GradientOptions.Operators."));
        });
    }

    [Test]
    public void Rule_OfALaterVersion_IsTakenFromThereOn()
    {
        var set = OperatorSet.Standard.With(Definition(ByFormula, GradientRule.Expanded(3, n => [n.X])));
        Assert.Multiple(() =>
        {
            Assert.That(set.FindRule("com.example", "SquaredRelu", 2)!.SinceVersion, Is.EqualTo(1));
            Assert.That(set.FindRule("com.example", "SquaredRelu", 4)!.SinceVersion, Is.EqualTo(3));
        });
    }

    [Test]
    public void StandardRule_CanBeReplaced()
    {
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [3]));
        model.Graph.Nodes.Add(new OnnxNode("Round", ["x"], ["y"]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [3]));
        Assert.That(() => GradientCompiler.Compile(model), Throws.TypeOf<OnnxModelException>(), "rounding has no derivative");
        var straight = OperatorSet.Default.Find("", "Round")! with { Gradients = [new GradientRule(11, n => [() => n.dY])] };
        using var session = new InferenceSession(GradientCompiler.Compile(model, With(straight)).ToBytes());
        Assert.That(SquaredRelu.Run(session, [0.3f, 1.7f, -2], [1, 2, 3]), Is.EqualTo(new float[] { 1, 2, 3 }),
            "a gradient straight through");
    }

    [Test]
    public void Node_OfAnotherDomain_IsImportedByTheResult()
    {
        var rule = new GradientRule(1, n => [() => n.Add("FastGelu", [n.dY], domain: "com.microsoft")[0]]);
        var gradient = GradientCompiler.Compile(SquaredRelu.Model(), With(Definition(rule)));
        Assert.Multiple(() =>
        {
            Assert.That(gradient.OpsetImports, Does.ContainKey("com.microsoft").WithValue(1));
            Assert.That(gradient.Graph.Nodes.Single(n => n.OpType == "FastGelu").Domain, Is.EqualTo("com.microsoft"));
        });
    }

    [Test]
    public void Definition_ChecksItsNodes()
    {
        var model = SquaredRelu.Model();
        model.Graph.Nodes[0].Attributes["factor"] = OnnxAttribute.Of("factor", 3L);
        var strict = Definition(ByFormula) with
        {
            Takes = new InputCount(1, 1), Attributes = [new OperatorAttribute("factor", OnnxAttributeKind.Float)],
        };
        var needy = strict with { Attributes = [new OperatorAttribute("power") { IsRequired = true }] };
        var many = strict with { Takes = new InputCount(2, 3) };
        var flat = Definition(ByFormula) with { Check = n => throw n.Wrong("a matrix was expected.") };
        Assert.Multiple(() =>
        {
            Refused(strict, "SquaredRelu (node 'squared') has attribute 'factor' that holds Int; Float was expected.");
            Refused(needy, "SquaredRelu (node 'squared') lacks its attribute 'power'.");
            Refused(many, "SquaredRelu (node 'squared') lacks input 1; 2 were expected.");
            Refused(flat, "SquaredRelu (node 'squared') has inputs 'x' Float [3]; a matrix was expected.");
        });

        void Refused(OperatorDefinition row, string message) => Assert.That(() => GradientCompiler.Compile(model, With(row)),
            Throws.TypeOf<OnnxModelException>().With.Message.EqualTo(message));
    }

    [Test]
    public void Rule_ThatRefuses_IsNamedWithItsReason() => Assert.That(
        () => GradientCompiler.Compile(
            SquaredRelu.Model(), With(Definition(GradientRule.Expanded(1, n => throw n.Refuse("it is not today."))))),
        Throws.TypeOf<UnsupportedOperatorException>().With.Message.EqualTo(
            "No gradient for SquaredRelu (node 'squared'): it is not today."));

    [Test]
    public void With_OfNonsense_IsRefused() => Assert.Multiple(() =>
    {
        Assert.That(() => OperatorSet.Default.With(Definition(ByFormula), Definition(ByFormula)), Throws.ArgumentException.With.Message
            .Contains("Operator com.example.SquaredRelu is given twice; give each operator once."));
        Assert.That(() => OperatorSet.Default.With(Definition(ByFormula, ByFormula)), Throws.ArgumentException.With.Message
            .Contains("Operator com.example.SquaredRelu has 2 gradient rules from version 1 on; one was expected."));
        Assert.That(() => OperatorSet.Default.With(Definition(ByFormula with { NonDifferentiableInputs = [-1] })), Throws.ArgumentException
            .With.Message.Contains("Operator com.example.SquaredRelu has non-differentiable input -1; inputs are counted from 0."));
        Assert.That(() => new OperatorDefinition(""), Throws.ArgumentException);
        Assert.That(() => new GradientRule(0, _ => []), Throws.TypeOf<ArgumentOutOfRangeException>());
    });

    [Test]
    public void Sets_ServeSeveralCompilationsAtOnce()
    {
        var options = With(Definition(ByFormula));
        byte[][] made = [.. Enumerable.Range(0, 16).AsParallel()
            .Select(_ => GradientCompiler.Compile(SquaredRelu.Model(), options).ToBytes())];
        Assert.That(made, Has.All.EqualTo(made[0]));
    }
}
