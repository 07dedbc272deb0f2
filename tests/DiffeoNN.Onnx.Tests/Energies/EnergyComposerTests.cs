using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tests.Bundles;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Tests.Energies;

[TestFixture]
internal sealed class EnergyComposerTests : EnergyTests
{
    [Test]
    public void Compose_OfAllRoles_GivesTheDocumentedGraph()
    {
        var energy = EnergyComposer.Compose(Bundle.Load(TinyBundle.Original));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(energy.Model.Graph.Inputs.Select(input => input.ToString()), Is.EqualTo(new[]
            {
                "'y' float32 [N,2,12,16]", "'weight_vae' float32 []", "'beta' float32 []", "'weight_adversarial' float32 []",
                "'weight_energy' float32 []",
            }));
            Assert.That(energy.Model.Graph.Outputs.Select(output => output.ToString()), Is.EqualTo(new[]
            {
                "'energy' float32 [N]", "'terms' float32 [N,3]", "'y_grad' float32 [N,2,12,16]",
            }));
            Assert.That(energy.ValueModel.Graph.Outputs.Select(output => output.Name), Is.EqualTo(new[] { "energy", "terms" }));
            Assert.That(energy.WeightInputs.Select(pair => pair.Value), Is.EqualTo(new[] { 0.5, 0.25, 3, 2 }));
            Assert.That(energy.Model.Opset, Is.EqualTo(16), "the newest of the networks' operator sets");
            Assert.That(energy.Model.Graph.Nodes.Select(node => node.OpType), Has.None.StartsWith("Random"));
        }
    }

    [TestCase("vae", "vae", 0.5)]
    [TestCase("critic", "adversarial", 3)]
    [TestCase("energy", "energy", 2)]
    public void Compose_OfOneRole_GivesItsTermOfTheWhole(string role, string term, double weight)
    {
        using var scope = NewDisposeScope();
        using var tiny = new TinyBundle();
        using var whole = Load(TinyBundle.Original);
        using var alone = Load(tiny.Keep(role).Path);
        var y = Images(2);

        using var all = whole.Evaluate(y);
        using var one = alone.Evaluate(y);

        var column = all.Terms[.., whole.TermNames.ToList().IndexOf(term)];
        Assert.That(alone.TermNames, Is.EqualTo(new[] { term }));
        Assert.That(Values(one.Terms[.., 0]), Is.EqualTo(Values(column)).Within(1e-5));
        Assert.That(Values(one.Energy), Is.EqualTo(Values(column * weight)).Within(1e-4));
    }

    [Test]
    public void Gradient_OfTheWhole_IsTheSumOfItsRoles()
    {
        using var scope = NewDisposeScope();
        using var whole = Load(TinyBundle.Original);
        var y = Images(2);
        using var all = whole.Evaluate(y);
        var sum = zeros_like(y);
        foreach (var role in new[] { "vae", "critic", "energy" })
        {
            using var tiny = new TinyBundle();
            using var alone = Load(tiny.Keep(role).Path);
            using var one = alone.Evaluate(y);
            sum += one.Gradient!;
        }

        Assert.That(Comparison.LargestError(Values(sum), Values(all.Gradient!)), Is.LessThan(1e-5));
    }

    [TestCase("N")]
    [TestCase("N,1")]
    [TestCase("N,2,12,16")]
    public void OwnEnergy_OfAnyShape_IsReducedByItsMean(string shape)
    {
        using var scope = NewDisposeScope();
        using var tiny = new TinyBundle();
        tiny.Keep("energy").Manifest(root => root["models"]!["energy"]!.AsObject().Remove("gradient")).Replace(
            "energy", Squares(shape.Split(',')));
        using var energy = Load(tiny.Path);
        var y = Images(3);
        using var result = energy.Evaluate(y);

        // The network sees (y - mean) / std and squares it; the slope by y has one factor 1 / std more.
        var std = tensor(new[] { 0.5f, 0.25f }).view(1, 2, 1, 1);
        var seen = (y - tensor(new[] { 0.25f, 0.5f }).view(1, 2, 1, 1)) / std;
        Assert.That(Values(result.Terms[.., 0]), Is.EqualTo(Values(seen.square().mean([1L, 2, 3]))).Within(1e-5));
        Assert.That(
            Comparison.LargestError(Values(result.Gradient!), Values(2 * 2 * seen / std / 384)), Is.LessThan(1e-5));
    }

    [Test]
    public void ImagesSeenAsTheyAre_NeedNoPreprocessing()
    {
        using var scope = NewDisposeScope();
        using var tiny = new TinyBundle();
        tiny.Keep("energy").Manifest(root =>
        {
            root["image"]!.AsObject().Remove("mean");
            root["image"]!.AsObject().Remove("std");
        });
        using var energy = Load(tiny.Path);
        var y = Images(2);
        using var result = energy.Evaluate(y);

        Assert.That(Values(result.Terms[.., 0]), Is.EqualTo(Values((sin(2 * y) * y).mean([1L, 2, 3]))).Within(1e-5));
        Assert.That(
            Comparison.LargestError(Values(result.Gradient!), Values(2 * ((2 * cos(2 * y) * y) + sin(2 * y)) / 384)), Is.LessThan(1e-5));
    }

    [Test]
    public void NetworksWithFreeHeightAndWidth_AndOneSymbolForTwoSizes_Compose()
    {
        using var tiny = new TinyBundle();
        tiny.Model("energy", model => Free(model, ["batch", 2, "s", "t"])).Model("critic", model => Free(model, ["n", 2, "t", "s"]));

        using var scope = NewDisposeScope();
        using var energy = Load(tiny.Path);
        using var expected = Load(TinyBundle.Original);
        var y = Images(2);
        using var a = energy.Evaluate(y);
        using var b = expected.Evaluate(y);
        Assert.That(Values(a.Gradient!), Is.EqualTo(Values(b.Gradient!)));

        static void Free(OnnxModel model, OnnxDimension[] shape) =>
            model.Graph.Inputs[0] = model.Graph.Inputs[0] with { Shape = shape };
    }

    [Test]
    public void FunctionsOfOneNameInTwoNetworks_KeepTheirOwnMeaning()
    {
        using var scope = NewDisposeScope();
        using var tiny = new TinyBundle();
        tiny.Keep("energy", "critic").Replace("energy", WithFunction("energy", "Mul")).Replace("critic", WithFunction("score", "Add"))
            .Manifest(root => root["models"]!["energy"]!.AsObject().Remove("gradient"));
        using var energy = Load(tiny.Path);
        var y = Images(2);
        using var result = energy.Evaluate(y);

        var std = tensor(new[] { 0.5f, 0.25f }).view(1, 2, 1, 1);
        var seen = (y - tensor(new[] { 0.25f, 0.5f }).view(1, 2, 1, 1)) / std;
        Assert.That(Values(result.Terms[.., 0]), Is.EqualTo(Values((seen + seen).mean([1L, 2, 3]))).Within(1e-5));
        Assert.That(Values(result.Terms[.., 1]), Is.EqualTo(Values((seen * seen).mean([1L, 2, 3]))).Within(1e-5));
        Assert.That(
            Comparison.LargestError(Values(result.Gradient!), Values(((3 * 2) + (2 * 2 * seen)) / std / 384)), Is.LessThan(1e-5));
    }

    [Test]
    public void ValuesNamedLikeTheComposersOwn_DoNotCollide()
    {
        using var tiny = new TinyBundle();
        tiny.Keep("vae").Model("vae", model =>
        {
            model.Graph.AddNode("Relu", ["image"], "term");
            model.Graph.AddNode("Relu", ["term"], "y");
            model.Graph.AddNode("Relu", ["y"], "y_grad");
        });

        Assert.That(() => Load(tiny.Path).Dispose(), Throws.Nothing);
    }

    [Test]
    public void OperatorWithoutARule_IsRefusedWithItsFile()
    {
        using var tiny = new TinyBundle();
        tiny.Model("critic", model =>
        {
            var last = model.Graph.Nodes[^1];
            last.Outputs[0] = "before";
            model.OpsetImports["example.org"] = 1;
            model.Graph.Nodes.Add(new OnnxNode("Twist", ["before"], ["score"]) { Domain = "example.org", Name = "twist" });
        });
        var bundle = tiny.Load();

        Assert.That(
            () => EnergyComposer.Compose(bundle),
            Throws.TypeOf<BundleException>()
                .With.Message.StartsWith("Bundle 'tiny', critic model 'critic.onnx': No gradient rule for 1 operator")
                .And.Message.Contains("Twist").And.Message.Contains("'twist'").And.Message.Not.Contains("\n")
                .And.InnerException.TypeOf<UnsupportedOperatorException>());
    }

    [Test]
    public void FormThatNewerOperatorSetsLack_IsRefusedWithItsFile()
    {
        using var tiny = new TinyBundle();
        tiny.Model("critic", model =>
        {
            model.OpsetImports[""] = 6;
            model.Graph.AddNode("Dropout", ["image"], "noisy", OnnxAttribute.Of("is_test", 0L));
        });
        var bundle = tiny.Load();

        Assert.That(
            () => EnergyComposer.Compose(bundle),
            Throws.TypeOf<BundleException>().With.Message.StartsWith("Bundle 'tiny', critic model 'critic.onnx': Dropout (node 'noisy')"));
    }

    /// <summary>The function "local.Twice" of the image with itself, whose body is one operator.</summary>
    private static OnnxModel WithFunction(string output, string opType)
    {
        var model = new OnnxModel { IrVersion = 8 };
        model.OpsetImports[""] = 16;
        model.OpsetImports["local"] = 1;
        model.Graph.Inputs.Add(new OnnxValueInfo("image", OnnxElementType.Float, ["N", 2, 12, 16]));
        model.Graph.Outputs.Add(new OnnxValueInfo(output, OnnxElementType.Float, ["N", 2, 12, 16]));
        model.Graph.Nodes.Add(new OnnxNode("Twice", ["image"], [output]) { Domain = "local" });
        model.Functions.Add(new OnnxFunction(
            "local", "Twice", "", ["a"], ["b"], [new OnnxNode("Inner", ["a", "a"], ["b"]) { Domain = "local" }], [],
            new Dictionary<string, long> { [""] = 16, ["local"] = 1 }));
        model.Functions.Add(new OnnxFunction(
            "local", "Inner", "", ["a", "b"], ["c"], [new OnnxNode(opType, ["a", "b"], ["c"])], [],
            new Dictionary<string, long> { [""] = 16 }));
        return model;
    }

    private static OnnxModel Squares(string[] shape)
    {
        var model = new OnnxModel { IrVersion = 8 };
        model.OpsetImports[""] = 13;
        var graph = model.Graph;
        graph.Inputs.Add(new OnnxValueInfo("image", OnnxElementType.Float, ["N", 2, 12, 16]));
        graph.Outputs.Add(new OnnxValueInfo(
            "energy", OnnxElementType.Float,
            [.. shape.Select(size => long.TryParse(size, out var number) ? OnnxDimension.Of(number) : size)]));
        if (shape.Length == 4)
        {
            graph.AddNode("Mul", ["image", "image"], "energy");
            return model;
        }

        graph.AddNode("Mul", ["image", "image"], "squares");
        graph.AddNode("ReduceMean", ["squares"], "means", OnnxAttribute.Of("axes", [1L, 2, 3]), OnnxAttribute.Of("keepdims", 0L));
        graph.AddInitializer(OnnxTensor.Int64s("shape", shape.Length == 1 ? [-1] : [-1, 1]));
        graph.AddNode("Reshape", ["means", "shape"], "energy");
        return model;
    }
}
