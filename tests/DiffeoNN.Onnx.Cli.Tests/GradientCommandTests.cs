using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>Gradients of models by one command.</summary>
[TestFixture]
public sealed class GradientCommandTests
{
    [Test]
    public void Gradient_OfACritic_IsItsDerivativeInOnnxRuntime()
    {
        using var folder = new TemporaryFolder();
        string critic = Path.Combine(Repository.Bundle("shapes"), "critic.onnx");

        var run = CommandRun.Of("gradient", critic, "-o", folder["g.onnx"], "--seed", "ones");

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("image_grad"));
        using var scope = torch.NewDisposeScope();
        using var graph = new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu }).Load(folder["g.onnx"]);
        torch.random.manual_seed(3);
        var (x, direction) = (torch.rand(2, 1, 128, 128), torch.rand(2, 1, 128, 128));
        const float step = 0.01f;
        double slope = (Score(x + (direction * step)) - Score(x - (direction * step))) / (2 * step);
        double claimed = (Run(x)["image_grad"] * direction).sum().item<float>();
        Assert.That(claimed, Is.EqualTo(slope).Within(0.01 * Math.Abs(slope)));

        IReadOnlyDictionary<string, torch.Tensor> Run(torch.Tensor image) => graph.Run(new Dictionary<string, torch.Tensor> { ["image"] = image.contiguous() });
        double Score(torch.Tensor image) => Run(image)["score"].to(torch.float64).sum().item<double>();
    }

    [Test]
    public void Gradient_ByDefault_TakesTheUpstreamGradientAsInput()
    {
        using var folder = new TemporaryFolder();
        var run = CommandRun.Of("gradient", Path.Combine(Repository.Bundle("shapes"), "vae.onnx"), "-o", folder["g.onnx"], "--output", "reconstruction");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var graph = OnnxModel.Load(folder["g.onnx"]).Graph;
        Assert.That(graph.RequiredInputs.Select(input => input.Name), Is.EqualTo(new[] { "image", "reconstruction_grad" }));
        Assert.That(graph.Outputs.Select(output => output.Name), Is.SupersetOf(new[] { "reconstruction", "image_grad" }));
    }

    [Test]
    public void Gradient_OfUnknownNamesOrOperators_IsRefused()
    {
        using var folder = new TemporaryFolder();
        string critic = Path.Combine(Repository.Bundle("shapes"), "critic.onnx");
        CommandRun.Of("gradient", critic, "-o", folder["g.onnx"], "--input", "img").AssertError(ExitCode.Model, "'img'");
        CommandRun.Of("gradient", folder["none.onnx"], "-o", folder["g.onnx"]).AssertError(ExitCode.Model, "none.onnx");
        var model = OnnxModel.Load(critic);
        model.Graph.Nodes[0].Domain = "com.example";
        model.OpsetImports["com.example"] = 1;
        model.Save(folder["odd.onnx"]);
        CommandRun.Of("gradient", folder["odd.onnx"], "-o", folder["g.onnx"]).AssertError(ExitCode.Operator, "com.example");
        Assert.That(folder["g.onnx"], Does.Not.Exist);
    }
}
