using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Validation;
using DiffeoNN.Onnx.Validation.Blame;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>Models that both exporters of PyTorch 2.11 wrote, with its own outputs and gradients.</summary>
public sealed class CurrentPyTorchTests
{
    private static readonly string Folder =
        Path.Combine(Repository.Root, "tests", "DiffeoNN.Onnx.Tests", "Validation", "Fixtures", "current-pytorch");

    private static IEnumerable<string> Models =>
        Directory.GetDirectories(Folder).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal);

    [TestCaseSource(nameof(Models))]
    public void EverySource_Agrees(string name)
    {
        using var folder = new TemporaryFolder();
        var options = new ValidationOptions
        {
            Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 }, BlameFolder = folder["blame"],
        };
        var report = Validator.Run(Path.Combine(Folder, name, "model.onnx"), options);
        var graph = report.Graphs.Single();
        Assert.That(report.Passed, Is.True, string.Join("; ", graph.Blames.Select(blame => blame.Finding)));
        Assert.That(graph.Skipped, Is.Empty);
        Assert.That(graph.Comparisons.Select(comparison => comparison.Source).Distinct(),
            Is.SupersetOf(new[] { ValidationSources.Torch, ValidationSources.Compiled }));
    }

    [Test]
    public void BothExporters_AreThere()
    {
        Assert.That(Models.Count(name => name.Contains("dynamo", StringComparison.Ordinal)), Is.EqualTo(5));
        Assert.That(Models.Count(name => name.Contains("torchscript", StringComparison.Ordinal)), Is.EqualTo(5));
    }
}
