using System.Diagnostics;
using System.Text.Json;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>From PyTorch to an answer: a small bundle is exported here and now, and run.</summary>
[TestFixture]
public sealed class PyTorchInteropTests
{
    [Test]
    public void Run_OfABundleJustExportedFromPyTorch_WritesAnswers()
    {
        using var folder = new TemporaryFolder();
        Export(folder["small"]);
        Assert.That(CommandRun.Of("shapes", "--output", folder["data"], "--count", "3").Code, Is.EqualTo(ExitCode.Success));

        var run = CommandRun.Of("run", "--model", folder["small"], "--input", folder["data/images"], "--output", folder["results"], "--steps", "3");

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        foreach (string line in File.ReadLines(folder["results/results.jsonl"]))
        {
            using var record = JsonDocument.Parse(line);
            var total = record.RootElement.GetProperty("total");
            Assert.That(total.GetProperty("after").GetDouble(), Is.LessThanOrEqualTo(total.GetProperty("before").GetDouble()));
        }
    }

    private static void Export(string folder)
    {
        string python = Environment.GetEnvironmentVariable("DIFFEONN_PYTHON") ?? "/usr/bin/python3";
        var start = new ProcessStartInfo(python, ["-m", "diffeonn_tools", "export-small", "--output", folder])
        {
            WorkingDirectory = Path.Combine(Repository.Root, "tools", "pytorch"),
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        string problem = "";
        try
        {
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            string error = process.StandardError.ReadToEnd();
            if (!process.WaitForExit(TimeSpan.FromMinutes(3))) process.Kill(entireProcessTree: true);
            process.WaitForExit();
            if (process.ExitCode != 0) problem = $"'{python}' ended with {process.ExitCode}: {error}{output.Result}";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            problem = $"'{python}' does not start: {e.Message}";
        }

        if (problem.Length == 0) return;
        if (Environment.GetEnvironmentVariable("DIFFEONN_REQUIRE_PYTORCH") == "1") Assert.Fail(problem);
        Assert.Ignore($"PyTorch is not at hand (DIFFEONN_PYTHON names a Python that has it): {problem}");
    }
}
