namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>An output that is an input itself has two gradients: the one that arrives there and the one that leaves.</summary>
public sealed class GradientNamesTests
{
    private static readonly double[] Numbers = [0.5, -1, 2];

    [TestCase("_grad")]
    [TestCase("_d")]
    public void Compile_OfAnOutputThatIsAnInput_NamesTheTwoGradientsApart(string suffix)
    {
        var gradient = GradientCompiler.Compile(Passthrough(), new GradientOptions { Suffix = suffix });

        Assert.That(gradient.Graph.Inputs.Select(i => i.Name), Is.EqualTo(new[] { "x", $"y{suffix}", $"x_output{suffix}" }));
        Assert.That(gradient.Graph.Outputs.Select(o => o.Name), Is.EqualTo(new[] { "y", "x", $"x{suffix}" }));
        Assert.That(GradientCompiler.UpstreamOf(gradient, "x", suffix), Is.EqualTo($"x_output{suffix}"));
        Assert.That(GradientCompiler.UpstreamOf(gradient, "y", suffix), Is.EqualTo($"y{suffix}"));
        using var runner = new Runner(gradient);
        var found = runner.Run(new Dictionary<string, OnnxTensor>
        {
            ["x"] = Vector(Numbers), [$"y{suffix}"] = Vector([1, 2, 3]), [$"x_output{suffix}"] = Vector([10, 20, 30]),
        }, [$"x{suffix}"])[$"x{suffix}"].ToDoubleArray();
        Assert.That(found, Is.EqualTo(Numbers.Select((x, i) => ((i + 1) * Math.Cos(x)) + (10 * (i + 1)))).Within(1e-5));
    }

    [Test]
    public void Compile_OfAWeightThatIsAnOutput_NamesTheTwoGradientsApart()
    {
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [3]));
        model.Graph.AddInitializer(OnnxTensor.FromDoubles("w", OnnxElementType.Float, [3], [2, 3, 4]));
        model.Graph.AddNode("Mul", ["x", "w"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [3]));
        model.Graph.Outputs.Add(new OnnxValueInfo("w", OnnxElementType.Float, [3]));

        var gradient = GradientCompiler.Compile(model, new GradientOptions { Weights = true });

        using var runner = new Runner(gradient);
        var found = runner.Run(new Dictionary<string, OnnxTensor>
        {
            ["x"] = Vector(Numbers), ["y_grad"] = Vector([1, 2, 3]), ["w_output_grad"] = Vector([10, 20, 30]),
        }, ["x_grad", "w_grad"]);
        Assert.That(found["x_grad"].ToDoubleArray(), Is.EqualTo(new double[] { 2, 6, 12 }));
        Assert.That(found["w_grad"].ToDoubleArray(), Is.EqualTo(new[] { 10.5, 18, 36 }));
    }

    [Test]
    public void Compile_WithOnes_NeedsNoUpstreamGradient()
    {
        var gradient = GradientCompiler.Compile(Passthrough(), new GradientOptions { Seed = GradientSeed.Ones });
        Assert.That(GradientCompiler.UpstreamOf(gradient, "x"), Is.Null);
        var inputs = new Dictionary<string, OnnxTensor> { ["x"] = Vector(Numbers) };
        var found = GradientCheck.Gradients(gradient, inputs, new Dictionary<string, OnnxTensor>())["x"];
        Assert.That(found.ToDoubleArray(), Is.EqualTo(Numbers.Select(x => Math.Cos(x) + 1)).Within(1e-5));
    }

    private static OnnxModel Passthrough()
    {
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [3]));
        model.Graph.AddNode("Sin", ["x"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [3]));
        model.Graph.Outputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [3]));
        return model;
    }

    private static OnnxTensor Vector(double[] values) => OnnxTensor.FromDoubles("", OnnxElementType.Float, [values.Length], values);
}
