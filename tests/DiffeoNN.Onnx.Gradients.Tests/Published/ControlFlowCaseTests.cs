namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>The published cases with If, Loop or Scan, and a network that chooses by an input:
/// gradients against finite differences.</summary>
public sealed class ControlFlowCaseTests
{
    /// <summary>Cases refused as published; with their sizes constant they are differentiated.</summary>
    private static readonly Dictionary<string, string> Exceptions = new()
    {
        ["test_affine_grid_2d_align_corners_expanded"] =
            "it squeezes axes whose sizes are input values, so that no rank is known before it runs",
        ["test_affine_grid_2d_expanded"] = "it squeezes axes whose sizes are input values, so that no rank is known before it runs",
    };

    private static IEnumerable<TestCaseData> Cases() => Repository.TryShared("onnx-cases") is { } folder
        ? OperatorCase.Read(folder, "control-flow.csv").Select(c => new TestCaseData(c).SetArgDisplayNames(c.Path))
        : [];

    [TestCaseSource(nameof(Cases))]
    public void Gradient_AgreesWithFiniteDifferences(object row)
    {
        var test = (OperatorCase)row;
        var folder = Path.Combine(Repository.Shared("onnx-cases"), test.Path);
        var model = OnnxModel.Load(Path.Combine(folder, "model.onnx"));
        var random = new Random(7);
        var inputs = new Dictionary<string, OnnxTensor>();
        foreach (var (input, i) in model.Graph.RequiredInputs.Select((input, i) => (input, i)))
        {
            var tensor = OnnxTensor.LoadPb(Path.Combine(folder, "test_data_set_0", $"input_{i}.pb")).WithName(input.Name);
            inputs[input.Name] = test.Differentiable.Contains(input.Name) ? DirectionalCheck.Perturbed(tensor, random, 1e-3) : tensor;
        }

        var options = new GradientOptions { Inputs = test.Differentiable };
        if (Exceptions.TryGetValue(Path.GetFileName(test.Path), out var reason))
        {
            Assert.That(() => GradientCompiler.Compile(model, options),
                Throws.InstanceOf<GradientException>().With.Message.Contains("rank"), reason);
            foreach (var fixedInput in model.Graph.Inputs.Where(i => !i.ElementType.IsFloat()).ToList())
            {
                model.Graph.AddInitializer(inputs[fixedInput.Name]);
                model.Graph.Inputs.Remove(fixedInput);
                inputs.Remove(fixedInput.Name);
            }
        }

        Check(model, inputs, options, 1e-5);
    }

    [Test]
    public void Exceptions_AllNameACase() =>
        Assert.That(Exceptions.Keys,
            Is.SubsetOf(OperatorCase.Read(Repository.Shared("onnx-cases"), "control-flow.csv").Select(c => Path.GetFileName(c.Path))));

    /// <summary>A voice detector with one network for each sampling rate, chosen by an input.</summary>
    [TestCase(16000, 576)]
    [TestCase(8000, 288)]
    public void NetworkChosenByAnInput_IsDifferentiated(long rate, int samples)
    {
        var model = OnnxModel.Load(Repository.Shared("onnx-models/silero_vad_op18/model.onnx"));
        var random = new Random(3);
        OnnxTensor Random(string name, params long[] shape) => OnnxTensor.FromDoubles(name, OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => random.NextDouble() - 0.5)]);
        var inputs = new Dictionary<string, OnnxTensor>
        {
            ["input"] = Random("input", 2, samples),
            ["sr"] = OnnxTensor.Scalar("sr", rate),
            ["state"] = Random("state", 2, 2, 128),
        };
        Check(model, inputs, new GradientOptions { Inputs = ["input", "state"], Outputs = ["output"] }, 0.02);
        var chosen = Check(model, inputs, new GradientOptions(), 0.02);

        // With the choice made beforehand the gradient is the same, and no If is left.
        model.Graph.Inputs.RemoveAll(i => i.Name == "sr");
        model.Graph.AddInitializer(inputs["sr"]);
        inputs.Remove("sr");
        var made = Check(model, inputs, new GradientOptions(), 0.02);
        Assert.That(GradientCompiler.Compile(model).Graph.Nodes.Select(n => n.OpType), Has.None.EqualTo("If"));
        foreach (var (name, gradient) in made)
            GradientCheck.AreClose(chosen[name].ToDoubleArray(), gradient.ToDoubleArray(), 1e-5, name);
    }

    private static Dictionary<string, OnnxTensor> Check(
        OnnxModel model, Dictionary<string, OnnxTensor> inputs, GradientOptions options, double tolerance)
    {
        var random = new Random(11);
        var gradient = GradientCompiler.Compile(model, options);
        var differentiated = gradient.Graph.Inputs.Select(i => i.Name).Where(n => n.EndsWith("_grad", StringComparison.Ordinal))
            .Select(n => n[..^5]).ToList();
        using var narrow = new Runner(model, optimise: false);
        using var wide = GradientCheck.TryDouble(model, inputs);
        var upstream = GradientCheck.Upstream(narrow.Run(inputs), differentiated, random);
        var gradients = GradientCheck.Gradients(gradient, inputs, upstream);
        Assert.That(gradients.Keys, Is.SupersetOf(options.Inputs ?? []));
        // Where a kernel exists in float32 only the differences are noisy, and large steps cross kinks.
        var error = wide is null
            ? DirectionalCheck.Error(narrow, inputs, upstream, gradients, [1e-2, 1e-3, 1e-4, 3e-5], random, along: true)
            : DirectionalCheck.Error(wide, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream), gradients, [1e-6],
                random, along: true);
        TestContext.Out.WriteLine(
            $"{(wide is null ? "float32" : "float64")} error {error:g3}, nodes {model.Graph.Nodes.Count} -> {gradient.Graph.Nodes.Count}");
        Assert.That(error, Is.LessThan(tolerance));
        return gradients;
    }
}
