namespace DiffeoNN.Onnx.Gradients.Tests.Published;

/// <summary>The published cases older than version 7: converted they compute the same,
/// and their gradients agree with finite differences.</summary>
public sealed class OldestCaseTests
{
    private static IEnumerable<TestCaseData> Cases() => Repository.TryShared("onnx-cases") is { } folder
        ? OperatorCase.Read(folder)
            .Where(c => c.Opset < 7)
            .Select(c => new TestCaseData(c.Path, c.Differentiable).SetArgDisplayNames(c.Path))
        : [];

    [TestCaseSource(nameof(Cases))]
    public void OldestCase_KeepsItsResult_AndHasAGradient(string path, string[] differentiable)
    {
        var folder = Repository.Shared($"onnx-cases/{path}");
        var model = OnnxModel.Load(Path.Combine(folder, "model.onnx"));
        var random = new Random(5);
        var inputs = model.Graph.RequiredInputs.Select((input, i) =>
            OnnxTensor.LoadPb(Path.Combine(folder, "test_data_set_0", $"input_{i}.pb")).WithName(input.Name)).ToDictionary(t => t.Name);
        using var original = new Runner(model, optimise: false);
        using var converted = new Runner(OpsetConverter.Convert(model, 18), optimise: false);
        var (before, after) = (original.Run(inputs), converted.Run(inputs));
        foreach (var (name, tensor) in before)
            GradientCheck.AreClose(after[name].ToDoubleArray(), tensor.ToDoubleArray(), 1e-6, name);

        foreach (var name in differentiable)
            inputs[name] = DirectionalCheck.Perturbed(inputs[name], random, 1e-3);
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Inputs = differentiable });
        var outputs = model.Graph.Outputs.Select(o => o.Name).Where(o => gradient.Graph.Inputs.Exists(i => i.Name == o + "_grad")).ToList();
        var upstream = GradientCheck.Upstream(original.Run(inputs), outputs, random);
        var gradients = GradientCheck.Gradients(gradient, inputs, upstream);
        using var wide = GradientCheck.TryDouble(model, inputs);
        var error = wide is null
            ? DirectionalCheck.Error(original, inputs, upstream, gradients, [1e-2, 3e-3, 3e-4], random, along: false)
            : DirectionalCheck.Error(wide, GradientCheck.Widened(inputs), GradientCheck.Widened(upstream), gradients, [1e-6],
                random, along: false);
        Assert.That(error, Is.LessThan(5e-3));
    }
}
