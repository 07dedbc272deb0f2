using System.Text.Json;
using System.Xml.Linq;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary><c>diffeonn validate</c>: codes, reports, and what is refused.</summary>
[TestFixture]
public sealed class ValidateCommandTests
{
    private static readonly string Reference = Path.Combine(Repository.Root, "tests", "DiffeoNN.Onnx.Tests", "Fixtures", "reference");

    private static string Critic => Path.Combine(Repository.Bundle("genus"), "critic.onnx");

    [Test]
    public void Validate_OfABundle_AgreesInOutputsGradientsAndAnswers()
    {
        using var folder = new TemporaryFolder();
        var run = CommandRun.Of("validate", Repository.Bundle("genus"), "--json", folder["v.json"], "--junit", folder["v.xml"], "--report",
            folder["v.html"]);

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Output + run.Error);
        Assert.That(run.Output, Does.Contain("Everything that was compared agrees"));
        Assert.That(folder.Files(), Is.EqualTo(new[] { "v.html", "v.json", "v.xml" }),
            "nothing is saved for blame where nothing disagrees");
        using var json = JsonDocument.Parse(File.ReadAllText(folder["v.json"]));
        var graphs = json.RootElement.GetProperty("graphs").EnumerateArray().ToList();
        Assert.That(graphs.Select(graph => graph.GetProperty("name").GetString()),
            Is.SupersetOf(new[] { "inner", "vae", "critic", "proposer", "energy" }));
        foreach (var graph in graphs)
        {
            var compared = graph.GetProperty("comparisons").EnumerateArray()
                .Select(comparison =>
                    $"{comparison.GetProperty("quantity")} {comparison.GetProperty("source")} {comparison.GetProperty("baseline")}")
                .ToHashSet();
            Assert.That(compared, Is.SupersetOf(new[]
            {
                "output onnxruntime-basic pytorch", "output onnxruntime pytorch", "output torch pytorch", "gradient compiled pytorch",
                "gradient torch pytorch",
            }), graph.GetProperty("name").GetString());
        }

        Assert.That(json.RootElement.GetProperty("job").GetProperty("flips").GetDouble(), Is.LessThanOrEqualTo(0.01));
        var fields = json.RootElement.GetProperty("fields").EnumerateArray().ToList();
        Assert.That(fields.Select(job => (job.GetProperty("name").GetString(), job.GetProperty("passed").GetBoolean())), Is.EqualTo(new[]
        {
            ("fields", true), ("fields, 3 steps", true),
        }));
        Assert.That(XDocument.Load(folder["v.xml"]).Descendants("testcase").Count(), Is.GreaterThan(20));
        Assert.That(File.ReadAllText(folder["v.html"]), Does.StartWith("<!DOCTYPE html>"));
    }

    [Test]
    public void Validate_OfAFaultyModel_EndsWithDisagreementAndNamesTheNode()
    {
        using var folder = new TemporaryFolder();
        var model = OnnxModel.Load(Path.Combine(Reference, "model.onnx"));
        model.Graph.Nodes.Single(node => node.Name == "/first/act/LeakyRelu").With(OnnxAttribute.Of("alpha", 0.2f));
        model.Save(folder["model.onnx"]);

        var run = CommandRun.Of("validate", folder["model.onnx"], "--reference", Reference, "--report", folder["v.html"]);

        Assert.That(run.Code, Is.EqualTo(ExitCode.Disagreement), run.Error);
        Assert.That(run.Error, Is.Empty);
        Assert.That(run.Output, Does.Contain("'/first/act/LeakyRelu'").And.Contain("Disagreement in model.onnx"));
        var saved = folder.Files().Single(
            file => file.StartsWith("validation-blame", StringComparison.Ordinal) && file.EndsWith("model.onnx", StringComparison.Ordinal));
        Assert.That(OnnxModel.Load(folder[saved]).Graph.Nodes.Single().OpType, Is.EqualTo("LeakyRelu"));
    }

    [Test]
    public void Validate_OfAModelWithoutReference_DrawsItsInputsAndSaysSo()
    {
        var run = CommandRun.Of("validate", Critic, "--shape", "image=1,1,56,56", "--engines", "onnxruntime-basic,torch");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Output + run.Error);
        Assert.That(run.Output, Does.Contain("torch").And.Not.Contain("pytorch"));
        Assert.That(CommandRun.Of("validate", Critic, "--no-gradients").Output,
            Does.Contain("assumed 'image' has the shape [2,1,56,56]").And.Contain("no reference tensors").And.Not.Contain("gradient"));
    }

    [Test]
    public void Validate_MakesTheFoldersOfItsReports_AndClaimsNoChoiceOfDevice()
    {
        using var folder = new TemporaryFolder();
        var run = CommandRun.Of("validate", Critic, "--no-gradients", "--json", folder["a/b/v.json"], "--report", folder["c/v.html"]);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Output + run.Error);
        Assert.That(folder.Files(), Is.EqualTo(new[] { "a/b/v.json", "c/v.html" }));
        Assert.That(run.Output, Does.Contain(" CPU. ").And.Not.Contain("asked"));
    }

    [Test]
    public void Validate_WithWrongOptions_IsOneLine()
    {
        using var folder = new TemporaryFolder();
        CommandRun.Of("validate", Critic, "--engines", "onnxruntime,tensorflow").AssertError(
            ExitCode.Usage, "'tensorflow'", "onnxruntime-basic");
        CommandRun.Of("validate", Critic, "--engines", "pytorch").AssertError(ExitCode.Usage, "pytorch");
        CommandRun.Of("validate", Critic, "--tolerance", "-1").AssertError(ExitCode.Usage, "--tolerance");
        CommandRun.Of("validate", Critic, "--shape", "image").AssertError(ExitCode.Usage, "NAME=1,3,224,224");
        CommandRun.Of("validate", Critic, "--seed", "-1").AssertError(ExitCode.Usage, "--seed");
        CommandRun.Of("validate", Critic, "--json", folder["a"], "--junit", folder["a"]).AssertError(ExitCode.Usage, "Two reports");
        File.WriteAllText(folder["file"], "in the way");
        CommandRun.Of("validate", Critic, "--json", folder["file/v.json"]).AssertError(ExitCode.Output, "file");
        CommandRun.Of("validate", folder["none"]).AssertError(ExitCode.Model, "none", "bundle's folder or an ONNX file");
        CommandRun.Of("validate", Critic, "--reference", folder["none"]).AssertError(ExitCode.Data, "none");
        CommandRun.Of("validate", Critic, "--reference", folder["."]).AssertError(ExitCode.Data, "test_data_set_0");
        File.WriteAllText(folder["text.onnx"], "no model");
        CommandRun.Of("validate", folder["text.onnx"]).AssertError(ExitCode.Model, "text.onnx");
        CommandRun.Of(new CancellationToken(canceled: true), "validate", Critic).AssertError(ExitCode.Cancelled, "cancelled");
    }
}
