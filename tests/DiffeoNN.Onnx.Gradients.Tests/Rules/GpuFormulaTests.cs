using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>What is emitted for GPUs gives what is emitted for the CPU.</summary>
public sealed class GpuFormulaTests
{
    [Test]
    public void MaxPool_AndSumsOverFewParts_AreTheSame()
    {
        var model = new OnnxModel();
        model.OpsetImports[""] = 18;
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [2, 3, 6, 8]));
        model.Graph.Inputs.Add(new OnnxValueInfo("w", OnnxElementType.Float, [2, 1, 3, 4]));
        model.Graph.AddNode(
            "MaxPool", ["x"], "pooled", OnnxAttribute.Of("kernel_shape", new long[] { 2, 2 }),
            OnnxAttribute.Of("strides", new long[] { 2, 2 }));
        model.Graph.AddNode("Mul", ["pooled", "w"], "product");
        model.Graph.AddNode("Mul", ["product", "product"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [2, 3, 3, 4]));
        OnnxModel Compiled(GradientTarget target) =>
            GradientCompiler.Compile(model, new GradientOptions { Seed = GradientSeed.Ones, Target = target });
        var (cpu, gpu) = (Compiled(GradientTarget.Cpu), Compiled(GradientTarget.Gpu));
        Assert.That(cpu.Graph.Nodes.Select(node => node.OpType), Does.Contain("MaxUnpool"));
        Assert.That(gpu.Graph.Nodes.Select(node => node.OpType),
            Does.Not.Contain("MaxUnpool").And.Contain("ScatterElements").And.Contain("Split"));
        var (expected, found) = (Run(cpu), Run(gpu));
        foreach (var name in expected.Keys)
            Assert.That(found[name], Is.EqualTo(expected[name]).Within(1e-6), name);
    }

    private static Dictionary<string, float[]> Run(OnnxModel model)
    {
        var random = new Random(4);
        using var session = new InferenceSession(model.ToBytes());
        using var options = new RunOptions();
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)((2 * random.NextDouble()) - 1))];
        using var x = OrtValue.CreateTensorValueFromMemory(Values(288), [2, 3, 6, 8]);
        using var w = OrtValue.CreateTensorValueFromMemory(Values(24), [2, 1, 3, 4]);
        using var results = session.Run(options, ["x", "w"], [x, w], ["x_grad", "w_grad"]);
        return new Dictionary<string, float[]>
        {
            ["x_grad"] = results[0].GetTensorDataAsSpan<float>().ToArray(), ["w_grad"] = results[1].GetTensorDataAsSpan<float>().ToArray(),
        };
    }
}
