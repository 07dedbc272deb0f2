using System.Text.Json;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>Outputs into pipes and through links, by the commands that write a file the user names.</summary>
[TestFixture]
public sealed class OutputTargetTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder()
    {
        if (!OperatingSystem.IsLinux()) Assert.Ignore("Links and pipes are made as on Linux.");
        _folder = new TemporaryFolder();
        var model = new OnnxModel();
        model.OpsetImports[""] = 17;
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [2, 3]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [2, 3]));
        model.Graph.AddNode("Tanh", ["x"], "y");
        model.Save(_folder["tanh.onnx"]);
    }

    [TearDown]
    public void RemoveFolder() => _folder?.Dispose();

    [Test]
    public async Task Gradient_IntoAPipe_GivesTheReaderTheModel()
    {
        Fifo.Make(_folder["pipe"]);
        var read = Fifo.Read(_folder["pipe"]);
        var run = CommandRun.Of("gradient", _folder["tanh.onnx"], "-o", _folder["pipe"], "--check");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var written = await read.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(CommandRun.Of("gradient", _folder["tanh.onnx"], "-o", _folder["file.onnx"]).Code, Is.EqualTo(ExitCode.Success));
        Assert.That(written, Is.EqualTo(File.ReadAllBytes(_folder["file.onnx"])));
        Assert.That(_folder.Files(), Is.EqualTo(new[] { "file.onnx", "pipe", "tanh.onnx" }));
    }

    [Test]
    public void Gradient_ThroughALink_ChangesItsTarget()
    {
        Directory.CreateDirectory(_folder["far"]);
        File.WriteAllText(_folder["far/target.onnx"], "old");
        File.CreateSymbolicLink(_folder["link.onnx"], "far/target.onnx");
        Assert.That(CommandRun.Of("gradient", _folder["tanh.onnx"], "-o", _folder["link.onnx"], "--check").Code,
            Is.EqualTo(ExitCode.Success));
        Assert.That(new FileInfo(_folder["link.onnx"]).LinkTarget, Is.EqualTo("far/target.onnx"));
        Assert.That(OnnxModel.Load(_folder["far/target.onnx"]).Graph.Outputs.Select(output => output.Name), Does.Contain("x_grad"));
        Assert.That(Directory.GetFiles(_folder["far"]), Has.Length.EqualTo(1));
    }

    [Test]
    public void Gradient_ThroughALinkToTheModelItself_IsRefused()
    {
        File.CreateSymbolicLink(_folder["link.onnx"], "tanh.onnx");
        CommandRun.Of("gradient", _folder["tanh.onnx"], "-o", _folder["link.onnx"]).AssertError(ExitCode.Usage, "the model itself");
    }

    [Test]
    public async Task Doctor_IntoAPipe_GivesTheReaderTheFindings()
    {
        Fifo.Make(_folder["pipe"]);
        var read = Fifo.Read(_folder["pipe"]);
        CommandRun.Of("doctor", "--seconds", "0", "--json", _folder["pipe"]);
        using var json = JsonDocument.Parse(await read.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.That(json.RootElement.GetProperty("findings").GetArrayLength(), Is.GreaterThan(0));
        Assert.That(new FileInfo(_folder["pipe"]).Length, Is.Zero, "it is a pipe still");
    }
}
