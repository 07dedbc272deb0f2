using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>The gradient of MaxPool by an operator of ours beside the one by indices.</summary>
public sealed class PoolGradientTests
{
    [TestCase(2, 2)]
    [TestCase(3, 1)]
    [TestCase(2, 4)]
    public void WindowsSideBySide_GetTheBitsOfMaxUnpool(int height, int width)
    {
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(5);
        // Few different numbers, so that most windows have several maxima.
        var x = torch.randint(-2, 2, [2, 3, 12, 8]).to(torch.float32);
        var dY = torch.randn(2, 3, 12 / height, 8 / width);
        var usual = Run(OperatorSet.Default, x, dY, height, width, isOurs: false);
        Assert.That(Run(ManagedOperators.Set, x, dY, height, width, isOurs: true), Is.EqualTo(usual));
        Assert.That(usual.Count(v => v != 0), Is.EqualTo(dY.NumberOfElements));
    }

    [Test]
    public void WindowsThatOverlap_KeepTheUsualGradient()
    {
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(6);
        var (x, dY) = (torch.randn(2, 3, 12, 8), torch.randn(2, 3, 11, 7));
        Assert.That(Run(ManagedOperators.Set, x, dY, 2, 2, isOurs: false, stride: 1),
            Is.EqualTo(Run(OperatorSet.Default, x, dY, 2, 2, isOurs: false, stride: 1)));
    }

    private static float[] Run(
        OperatorSet operators, torch.Tensor x, torch.Tensor dY, int height, int width, bool isOurs, int? stride = null)
    {
        var model = new OnnxModel();
        model.OpsetImports[""] = 18;
        model.Graph.Name = "pool";
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 3L, 12L, 8L]));
        model.Graph.AddNode("MaxPool", ["x"], "y", OnnxAttribute.Of("kernel_shape", [(long)height, width]),
            OnnxAttribute.Of("strides", [(long)(stride ?? height), stride ?? width]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 3L, dY.shape[2], dY.shape[3]]));
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Operators = operators });
        Assert.That(gradient.Graph.Nodes.Any(node => node.OpType == "MaxPoolGradient"), Is.EqualTo(isOurs));
        using var session = TestSetup.Engine.OpenSession(gradient, "pool", options => ManagedOperators.AddTo(options, gradient));
        using var options = new Microsoft.ML.OnnxRuntime.RunOptions();
        using var image = OrtMemory.Share(x);
        using var seed = OrtMemory.Share(dY);
        using var results = session.Run(
            options, new Dictionary<string, Microsoft.ML.OnnxRuntime.OrtValue> { ["x"] = image, ["y_grad"] = seed }, ["x_grad"]);
        return OrtMemory.Copy(results[0]).data<float>().ToArray();
    }
}
