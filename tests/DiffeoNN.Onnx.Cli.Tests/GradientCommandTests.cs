using DiffeoNN.Onnx.Cli.Commands;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Differences;
using Spectre.Console;
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
        var critic = Path.Combine(Repository.Bundle("shapes"), "critic.onnx");

        var run = CommandRun.Of("gradient", critic, "-o", folder["g.onnx"], "--seed", "ones");

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("image_grad"));
        using var scope = torch.NewDisposeScope();
        using var graph = new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu }).Load(folder["g.onnx"]);
        torch.random.manual_seed(3);
        var (x, direction) = (torch.rand(2, 1, 128, 128), torch.rand(2, 1, 128, 128));
        const float step = 0.01f;
        var slope = (Score(x + (direction * step)) - Score(x - (direction * step))) / (2 * step);
        double claimed = (Run(x)["image_grad"] * direction).sum().item<float>();
        Assert.That(claimed, Is.EqualTo(slope).Within(0.01 * Math.Abs(slope)));

        IReadOnlyDictionary<string, torch.Tensor> Run(torch.Tensor image) =>
            graph.Run(new Dictionary<string, torch.Tensor> { ["image"] = image.contiguous() });
        double Score(torch.Tensor image) => Run(image)["score"].to(torch.float64).sum().item<double>();
    }

    [Test]
    public void Gradient_ByDefault_TakesTheUpstreamGradientAsInput()
    {
        using var folder = new TemporaryFolder();
        var run = CommandRun.Of("gradient", Path.Combine(Repository.Bundle("shapes"), "vae.onnx"), "-o", folder["g.onnx"], "--output",
            "reconstruction");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var graph = OnnxModel.Load(folder["g.onnx"]).Graph;
        Assert.That(graph.RequiredInputs.Select(input => input.Name), Is.EqualTo(new[] { "image", "reconstruction_grad" }));
        Assert.That(graph.Outputs.Select(output => output.Name), Is.SupersetOf(new[] { "reconstruction", "image_grad" }));
    }

    [Test]
    public void Gradient_OfUnknownNamesOrOperators_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var critic = Path.Combine(Repository.Bundle("shapes"), "critic.onnx");
        CommandRun.Of("gradient", critic, "-o", folder["g.onnx"], "--input", "img").AssertError(ExitCode.Model, "'img'");
        CommandRun.Of("gradient", folder["none.onnx"], "-o", folder["g.onnx"]).AssertError(ExitCode.Model, "none.onnx");
        var model = OnnxModel.Load(critic);
        model.Graph.Nodes[0].Domain = "com.example";
        model.OpsetImports["com.example"] = 1;
        model.Save(folder["odd.onnx"]);
        CommandRun.Of("gradient", folder["odd.onnx"], "-o", folder["g.onnx"]).AssertError(ExitCode.Operator, "com.example");
        Assert.That(folder["g.onnx"], Does.Not.Exist);
    }

    [Test]
    public void Gradient_WithCheck_ComparesWhatWasWritten()
    {
        using var folder = new TemporaryFolder();
        var critic = Path.Combine(Repository.Bundle("shapes"), "critic.onnx");
        var run = CommandRun.Of("gradient", critic, "-o", folder["g.onnx"], "--seed", "ones", "--check", "--check-samples", "4", "--shape",
            "image=1,1,128,128");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Output + run.Error);
        Assert.That(run.Output,
            Does.Contain("'image' [1,1,128,128]: agrees; 4 elements").And.Contain("The gradient agrees with finite differences."));
        Assert.That(run.Output, Does.Not.Contain("Assumed"));
        var told = System.Text.RegularExpressions.Regex.Match(
            run.Output, @"largest error (\S+) \(.*: written (\S+), differences (\S+), allowed (\S+);");
        Assert.That(told.Success, run.Output);
        double Told(int group) => double.Parse(told.Groups[group].Value, System.Globalization.CultureInfo.InvariantCulture);
        Assert.That(Told(4), Is.GreaterThanOrEqualTo(Told(1)).And.LessThan(0.1 * Math.Abs(Told(3))));
    }

    [Test]
    public void Gradient_ThatDisagrees_EndsWithItsCode()
    {
        using var output = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = 400;
        var input = new GradientCheckInput
        {
            Name = "x", Shape = [2, 3], Elements = 6, UnsteadyElements = 1, Directions = 4, UnsteadyDirections = 0,
            LargestAbsoluteError = 0.5, LargestRelativeError = 0.25, LargestDirectionalError = 0.1,
            Worst = new GradientCheckElement([1, 2], 1.5, 2), IsWrong = true,
        };
        var result = new GradientCheckResult([input], 0, OnnxElementType.Double, 1e-3, []);
        var code = GradientCheckCommandOptions.Print(console, result, "ONNX Runtime itself is wrong: an example.");
        Assert.That(code, Is.EqualTo(ExitCode.Disagreement));
        Assert.That(output.ToString(), Does.Contain("'x' [2,3]: WRONG; 6 (1 unsteady) elements, largest error 0.5 (0.25 of the largest "
            + "derivative) at [1,2]: written 1.5, differences 2")
            .And.Contain("disagrees with finite differences for 'x'").And.Contain("Unsteady:")
            .And.Contain("ONNX Runtime itself is wrong: an example."));
    }

    [Test]
    public void Gradient_WithAWrongCheck_WritesNothing()
    {
        using var folder = new TemporaryFolder();
        var critic = Path.Combine(Repository.Bundle("shapes"), "critic.onnx");
        CommandRun Run(params string[] more) => CommandRun.Of(["gradient", critic, "-o", folder["g.onnx"], .. more]);
        Run("--shape", "image=1,1,128,128").AssertError(ExitCode.Usage, "--check");
        Run("--check", "--shape", "image").AssertError(ExitCode.Usage, "NAME=1,3,224,224");
        Run("--check", "--shape", "image=1,x").AssertError(ExitCode.Usage, "image=1,x");
        Run("--check", "--check-samples", "0").AssertError(ExitCode.Usage, "--check-samples");
        Run("--check", "--data", folder["none"]).AssertError(ExitCode.Data, "none");
        Assert.That(folder["g.onnx"], Does.Not.Exist);
        Run("--check", "--shape", "img=1").AssertError(ExitCode.Model, "'img'", "'image'");
    }

    [Test]
    public void Gradient_OfWhatIsNoModelOrHasNone_IsOneLine()
    {
        using var folder = new TemporaryFolder();
        var critic = Path.Combine(Repository.Bundle("shapes"), "critic.onnx");
        File.WriteAllText(folder["text.onnx"], "no model");
        CommandRun.Of("gradient", folder["text.onnx"], "-o", folder["g.onnx"]).AssertError(ExitCode.Model, "text.onnx");
        CommandRun.Of("gradient", critic, "-o", folder["g.onnx"], "--output", "scores").AssertError(ExitCode.Model, "'scores'", "'score'");
        CommandRun.Of("gradient", critic, "-o", folder["missing/g.onnx"]).AssertError(ExitCode.Output, "missing");

        var model = OnnxModel.Load(critic);
        var output = model.Graph.Outputs[0].Name;
        model.Graph.AddNode("Shape", [output], "sizes");
        model.Graph.Outputs.Add(new OnnxValueInfo("sizes", OnnxElementType.Int64, null));
        model.Save(folder["sizes.onnx"]);
        CommandRun.Of("gradient", folder["sizes.onnx"], "-o", folder["g.onnx"], "--output", "sizes").AssertError(ExitCode.Model, "'sizes'");

        model = OnnxModel.Load(critic);
        foreach (var node in new[] { model.Graph.Nodes[0], model.Graph.Nodes[^1] }) node.Domain = "com.example";
        model.OpsetImports["com.example"] = 1;
        model.Save(folder["odd.onnx"]);
        CommandRun.Of("gradient", folder["odd.onnx"], "-o", folder["g.onnx"]).AssertError(
            ExitCode.Operator, model.Graph.Nodes[0].Name, model.Graph.Nodes[^1].Name);
        Assert.That(folder["g.onnx"], Does.Not.Exist);
    }

    [Test]
    public void Gradient_IntoTheModelItself_IsRefused()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Repository.Bundle("shapes"), "critic.onnx"), folder["critic.onnx"]);
        File.CreateSymbolicLink(folder["link.onnx"], folder["critic.onnx"]);
        var before = File.ReadAllBytes(folder["critic.onnx"]);
        CommandRun.Of("gradient", folder["critic.onnx"], "-o", folder["critic.onnx"]).AssertError(ExitCode.Usage, "the model itself");
        CommandRun.Of("gradient", folder["link.onnx"], "-o", folder["critic.onnx"]).AssertError(ExitCode.Usage, "the model itself");
        Assert.That(File.ReadAllBytes(folder["critic.onnx"]), Is.EqualTo(before));
        CommandRun.Of("gradient", folder["."], "-o", folder["g.onnx"]).AssertError(ExitCode.Model, "is a folder");
        Directory.CreateDirectory(folder["taken"]);
        CommandRun.Of("gradient", folder["critic.onnx"], "-o", folder["taken"]).AssertError(ExitCode.Output, "it is a folder");
    }

    [Test]
    public void Gradient_WhenCancelled_WritesNothing()
    {
        using var folder = new TemporaryFolder();
        CommandRun.Of(new CancellationToken(canceled: true), "gradient", Path.Combine(Repository.Bundle("shapes"), "critic.onnx"), "-o",
            folder["g.onnx"])
            .AssertError(ExitCode.Cancelled, "cancelled");
        Assert.That(Directory.GetFileSystemEntries(folder["."]), Is.Empty);
    }

    [Test]
    public void Gradient_OfAGradient_TakesAnotherSuffix()
    {
        using var folder = new TemporaryFolder();
        CommandRun.Of("gradient", Path.Combine(Repository.Bundle("shapes"), "critic.onnx"), "-o", folder["g.onnx"], "--seed", "ones");
        CommandRun.Of("gradient", folder["g.onnx"], "-o", folder["h.onnx"], "--output", "score").AssertError(
            ExitCode.Model, "'image_grad'", "suffix");
        var run = CommandRun.Of("gradient", folder["g.onnx"], "-o", folder["h.onnx"], "--output", "score", "--suffix", "_again");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(OnnxModel.Load(folder["h.onnx"]).Graph.Outputs.Select(output => output.Name), Does.Contain("image_again"));
    }
}
