using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Differences;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>Finite differences tell right gradients from wrong ones, and say where they cannot.</summary>
[TestFixture]
public sealed class GradientCheckTests
{
    private static readonly GradientOptions Weights = new() { Weights = true };

    [Test]
    public void Run_OfARightGradient_ComparesEveryElementInFloat64()
    {
        var model = Layer("Tanh");
        var result = GradientCheck.Run(model, GradientCompiler.Compile(model, Weights), new GradientCheckOptions { Gradient = Weights });

        Assert.That(result.Passed, Is.True, Show(result));
        Assert.That(result.Precision, Is.EqualTo(OnnxElementType.Double));
        Assert.That(result.OutputError, Is.LessThan(1e-6));
        Assert.That(result.Inputs.Select(input => (input.Name, input.Elements)), Is.EquivalentTo(new[] { ("x", 6), ("weight", 12) }));
        Assert.That(result.Inputs.Max(input => input.LargestRelativeError), Is.LessThan(1e-3));
        Assert.That(result.Inputs.Sum(input => input.UnsteadyElements + input.UnsteadyDirections), Is.Zero);
        Assert.That(result.Assumptions, Is.EqualTo(new[] { "'x' has the shape [2,3]" }));
    }

    [Test]
    public void Run_OfAssumedSizesThatDoNotSuit_NamesThem()
    {
        var model = Layer("Tanh");
        model.Graph.Initializers.Remove("weight");
        model.Graph.AddInitializer(OnnxTensor.Create<float>("weight", [5, 2], new float[10]));
        model.Graph.Inputs[0] = new OnnxValueInfo("x", OnnxElementType.Float, ["N", "K"]);
        var error = Assert.Throws<GraphException>(() => GradientCheck.Run(model, GradientCompiler.Compile(model)));
        Assert.That(error.Message, Does.Contain("Assumed: 'x' has the shape [2,32]; give the model shapes"));
    }

    [Test]
    public void Run_OfSizesNamedByAQuestionMark_DoesNotTakeThemForEqual()
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["?", 3L, "?"]));
        model.Graph.AddNode("Tanh", ["x"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["?", 3L, "?"]));
        Assert.That(GradientCheck.Run(model, GradientCompiler.Compile(model)).Assumptions,
            Is.EqualTo(new[] { "'x' has the shape [2,3,32]" }));
    }

    [TestCase(GradientSeed.Input)]
    [TestCase(GradientSeed.Ones)]
    public void Run_OfAPlantedError_NamesTheElement(GradientSeed seed)
    {
        var model = Layer("Tanh");
        var options = new GradientOptions { Seed = seed };
        var bump = new float[6];
        bump[4] = 0.3f;
        var wrong = Changed(GradientCompiler.Compile(model, options), "Add", OnnxTensor.Create<float>("bump", [2, 3], bump));

        var result = GradientCheck.Run(model, wrong, new GradientCheckOptions { Gradient = options });

        Assert.That(result.Passed, Is.False);
        var input = result.Inputs.Single();
        Assert.That(input.IsWrong, Is.True);
        Assert.That(input.Worst!.Index, Is.EqualTo(new long[] { 1, 1 }));
        Assert.That(input.Worst.Emitted - input.Worst.Differences, Is.EqualTo(0.3).Within(1e-4));
        Assert.That(input.LargestAbsoluteError, Is.EqualTo(0.3).Within(1e-4));
    }

    [Test]
    public void Run_OfAWrongScale_SeesItThroughKinksAndFloat32()
    {
        var critic = OnnxModel.Load(Path.Combine(Repository.Bundle("shapes"), "inner.onnx"));
        var shapes = new GradientCheckOptions
        {
            Samples = 8,
            Shapes = new Dictionary<string, IReadOnlyList<long>> { ["image"] = [1, 1, 128, 128] },
        };
        var gradient = GradientCompiler.Compile(critic);

        var right = GradientCheck.Run(critic, gradient, shapes);
        var wrong = GradientCheck.Run(critic, Changed(gradient, "Mul", OnnxTensor.Scalar("scale", 1.2f), "image"), shapes);

        Assert.That(right.Precision, Is.EqualTo(OnnxElementType.Float));
        Assert.That(right.Passed, Is.True, Show(right));
        Assert.That(wrong.Inputs.Single().IsWrong, Is.True, Show(wrong));
    }

    [Test]
    public void Run_OfAZeroGradientThatShouldNotBe_IsWrong()
    {
        var model = Layer("Tanh");
        var zero = Changed(GradientCompiler.Compile(model), "Mul", OnnxTensor.Scalar("nothing", 0f));
        Assert.That(GradientCheck.Run(model, zero).Inputs.Single().IsWrong, Is.True);
        var infinite = Changed(GradientCompiler.Compile(model), "Div", OnnxTensor.Scalar("nothing", 0f));
        Assert.That(GradientCheck.Run(model, infinite).Inputs.Single().IsWrong, Is.True);
    }

    [Test]
    public void Run_AtAKink_CallsItUnsteadyNotWrong()
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [3L]));
        model.Graph.AddNode("Relu", ["x"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [3L]));
        var data = new Dictionary<string, OnnxTensor> { ["x"] = OnnxTensor.Create<float>("x", [3], [0f, 1f, -1f]) };

        var result = GradientCheck.Run(model, GradientCompiler.Compile(model), new GradientCheckOptions { Data = data });

        Assert.That(result.Passed, Is.True, Show(result));
        Assert.That(result.Inputs.Single().UnsteadyElements, Is.EqualTo(1));
    }

    [Test]
    public void Run_OfHalfPrecision_TakesDifferencesInFloat64()
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float16, [5L]));
        model.Graph.AddNode("Cast", ["x"], "wide", OnnxAttribute.Of("to", 1));
        model.Graph.AddNode("Tanh", ["wide"], "t");
        model.Graph.AddNode("Cast", ["t"], "y", OnnxAttribute.Of("to", 10));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float16, [5L]));
        var result = GradientCheck.Run(model, GradientCompiler.Compile(model));
        Assert.That(result.Passed, Is.True, Show(result));
        Assert.That(result.Precision, Is.EqualTo(OnnxElementType.Double));
    }

    [Test]
    public void Run_WithoutValuesForWholeNumbers_SaysWhatItAssumes()
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [4L, 2L]));
        model.Graph.Inputs.Add(new OnnxValueInfo("rows", OnnxElementType.Int64, ["R"]));
        model.Graph.AddNode("Gather", ["x", "rows"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["R", 2L]));
        var gradient = GradientCompiler.Compile(model);
        var assumed = GradientCheck.Run(model, gradient);
        Assert.That(assumed.Passed, Is.True, Show(assumed));
        Assert.That(assumed.Assumptions, Does.Contain("'rows' is all zeros"));
        var given = GradientCheck.Run(model, gradient,
            new GradientCheckOptions { Data = new Dictionary<string, OnnxTensor> { ["rows"] = OnnxTensor.Int64s("rows", 3, 0, 3) } });
        Assert.That((given.Passed, given.Assumptions.Count), Is.EqualTo((true, 0)), Show(given));
    }

    [Test]
    public void Run_OnWhatDoesNotFit_SaysSo()
    {
        var model = Layer("Tanh");
        var gradient = GradientCompiler.Compile(model);
        GradientCheckOptions Shape(string name, params long[] sizes) =>
            new() { Shapes = new Dictionary<string, IReadOnlyList<long>> { [name] = sizes } };
        Assert.That(() => GradientCheck.Run(model, gradient, Shape("img", 1)),
            Throws.TypeOf<GraphException>().With.Message.Contains("'img'").And.Message.Contains("'x'"));
        Assert.That(() => GradientCheck.Run(model, gradient, Shape("x", 1, 4)),
            Throws.TypeOf<GraphException>().With.Message.Contains("[1,4]"));
        var data = new Dictionary<string, OnnxTensor> { ["x"] = OnnxTensor.Int64s("x", 1) };
        Assert.That(() => GradientCheck.Run(model, gradient, new GradientCheckOptions { Data = data }),
            Throws.TypeOf<TensorDataException>());
        var log = Layer("Log");
        Assert.That(() => GradientCheck.Run(log, GradientCompiler.Compile(log)),
            Throws.TypeOf<GraphException>().With.Message.Contains("not finite"));
        Assert.That(() => GradientCheck.Run(model, model), Throws.TypeOf<GraphException>().With.Message.Contains("no output NAME_grad"));
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.That(() => GradientCheck.Run(model, gradient, null, cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void TensorFolder_ReadsByNameAndByNumber()
    {
        using var folder = new TemporaryFolder();
        var model = Layer("Tanh");
        Assert.That(() => TensorFolder.Read(folder["none"], model), Throws.TypeOf<TensorDataException>().With.Message.Contains("none"));
        Assert.That(() => TensorFolder.Read(folder.Path, model), Throws.TypeOf<TensorDataException>().With.Message.Contains("x.pb"));
        Directory.CreateDirectory(folder["test_data_set_0"]);
        OnnxTensor.Create<float>("other", [1, 3], [1f, 2f, 3f]).SavePb(folder["test_data_set_0/input_0.pb"]);
        OnnxTensor.Create<float>("", [1, 4], [1f, 0f, 0f, 0f]).SavePb(folder["test_data_set_0/y_grad.pb"]);
        var data = TensorFolder.Read(folder.Path, model);
        Assert.That(data.Keys, Is.EquivalentTo(new[] { "x", "y_grad" }));
        var result = GradientCheck.Run(model, GradientCompiler.Compile(model), new GradientCheckOptions { Data = data });
        Assert.That((result.Passed, result.Assumptions.Count), Is.EqualTo((true, 0)), Show(result));
        File.WriteAllText(folder["test_data_set_0/x.pb"], "no tensor");
        Assert.That(() => TensorFolder.Read(folder.Path, model), Throws.TypeOf<TensorDataException>().With.Message.Contains("x.pb"));
    }

    /// <summary>y = f(x weight) for x [N,3].</summary>
    private static OnnxModel Layer(string function)
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        var graph = model.Graph;
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 3L]));
        graph.AddInitializer(OnnxTensor.Create<float>("weight", [3, 4], [.. Enumerable.Range(0, 12).Select(i => MathF.Sin(i + 1))]));
        graph.AddNode("MatMul", ["x", "weight"], "h");
        graph.AddNode(function, ["h"], "y");
        graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 4L]));
        return model;
    }

    /// <summary>A gradient model that is wrong on purpose.</summary>
    private static OnnxModel Changed(OnnxModel gradient, string opType, OnnxTensor operand, string input = "x")
    {
        var changed = gradient.Copy();
        var name = input + "_grad";
        foreach (var node in changed.Graph.Nodes)
        {
            for (var i = 0; i < node.Outputs.Count; i++)
                if (node.Outputs[i] == name) node.Outputs[i] = "right";
        }

        changed.Graph.AddInitializer(operand);
        changed.Graph.AddNode(opType, ["right", operand.Name], name);
        return changed;
    }

    private static string Show(GradientCheckResult result) => string.Join('\n', result.Inputs) + $"\n{result}";
}
