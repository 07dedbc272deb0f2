using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using TorchSharp;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>From PyTorch to an answer: a small bundle is exported here and now, and run.</summary>
[TestFixture]
public sealed class PyTorchInteropTests
{
    /// <summary>Exports a network on bytes as services have them, and writes what it answers for pictures.</summary>
    private const string OnBytes = """
        import inspect, json, sys
        import numpy, PIL.Image, torch
        from torch import nn

        class OnBytes(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Sequential(
                    nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(32), nn.Flatten(), nn.Linear(16, 3))

            def forward(self, pixels):
                return self.body((pixels.permute(0, 3, 1, 2).float() - 127.5) / 64)

        torch.manual_seed(5)
        network = OnBytes().eval()
        old = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
        torch.onnx.export(network, torch.zeros(1, 128, 128, 3, dtype=torch.uint8), sys.argv[1],
                          input_names=["pixels"], output_names=["scores"], opset_version=16, **old)
        pictures = [numpy.array(PIL.Image.open(path).convert("RGB")) for path in sys.argv[3:]]
        with torch.no_grad():
            scores = [network(torch.from_numpy(picture)[None])[0].tolist() for picture in pictures]
        json.dump(scores, open(sys.argv[2], "w"))
        """;

    /// <summary>What keeps the tools from running here; null where they can, so that one that fails is a failure.</summary>
    private static readonly Lazy<string?> Hindrance = new(() => Problem("pytorch", "-c", "import numpy, onnx, PIL, torch"));

    [Test]
    public void Run_OfABundleJustExportedFromPyTorch_WritesAnswers()
    {
        using var folder = new TemporaryFolder();
        Python("-m", "diffeonn_tools", "export-small", "--output", folder["small"]);
        Assert.That(CommandRun.Of("shapes", "--output", folder["data"], "--count", "3").Code, Is.EqualTo(ExitCode.Success));

        var run = CommandRun.Of("run", "--model", folder["small"], "--input", folder["data/images"], "--output", folder["results"],
            "--steps", "3");

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        foreach (var line in File.ReadLines(folder["results/results.jsonl"]))
        {
            using var record = JsonDocument.Parse(line);
            var total = record.RootElement.GetProperty("total");
            Assert.That(total.GetProperty("after").GetDouble(), Is.LessThanOrEqualTo(total.GetProperty("before").GetDouble()));
        }
    }

    [Test]
    public void EnergyGradient_OfABundleJustExported_IsPyTorchs()
    {
        using var folder = new TemporaryFolder();
        Python("-m", "diffeonn_tools", "export-small", "--output", folder["small"]);
        var bundle = Bundle.Load(folder["small"]);
        using var energy = OnnxEnergy.FromBundle(bundle, new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu }));
        var reference = ReferenceData.Load(folder["small/reference/energy"]).Single();
        var y = reference.Inputs[0];
        using var images = torch.tensor(y.ToArray<float>(), [.. y.Dimensions]);
        using var found = energy.Evaluate(images);
        double[] expected = reference.Output("y_grad").ToDoubleArray(),
            actual = [.. found.Gradient!.data<float>().Select(value => (double)value)];
        double dot = expected.Zip(actual, (a, b) => a * b).Sum(), norms = Math.Sqrt(expected.Sum(a => a * a) * actual.Sum(b => b * b));
        Assert.That(dot / norms, Is.GreaterThanOrEqualTo(0.99999));
        Assert.That(expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max(), Is.LessThanOrEqualTo(1e-4 * expected.Max(Math.Abs)));
    }

    /// <summary>Bytes of 128 x 128 RGB, channels last, one image at a time, in a bundle of smaller grey images.</summary>
    [Test]
    public void Run_OfANetworkOnBytesJustExported_AnswersWhatPyTorchAnswers()
    {
        using var folder = new TemporaryFolder();
        Python("-m", "diffeonn_tools", "export-small", "--output", folder["small"]);
        Assert.That(CommandRun.Of("shapes", "--output", folder["data"], "--count", "2").Code, Is.EqualTo(ExitCode.Success));
        string[] images = [.. Directory.GetFiles(folder["data/images"]).Order(StringComparer.Ordinal)];
        Python(["-c", OnBytes, folder["small/bytes.onnx"], folder["scores.json"], .. images]);
        BundleCopy.Change(folder["small"], root =>
        {
            root["references"] = new JsonArray();
            root["models"]!.AsObject().Remove("augmented");
            root["models"]!["inner"] = new JsonObject
            {
                ["file"] = "bytes.onnx",
                ["sha256"] = Bundle.Hash(folder["small/bytes.onnx"]),
                ["input"] = new JsonObject
                {
                    ["name"] = "pixels", ["layout"] = "channelsLast", ["channels"] = 3, ["height"] = 128, ["width"] = 128,
                },
                ["output"] = new JsonObject { ["name"] = "scores", ["kind"] = "classification" },
            };
        });
        Assert.That(CommandRun.Of("info", folder["small"]).Output,
            Does.Contain("Takes 3 x 128 x 128, channels last, uint8 of 0 to 255, batch of 1, freed"));

        var run = CommandRun.Of("run", "--model", folder["small"], "--input", folder["data/images"], "--output", folder["results"],
            "--steps", "2", "--naive");

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var expected = JsonSerializer.Deserialize<double[][]>(File.ReadAllText(folder["scores.json"]))!;
        string[] lines = [.. File.ReadLines(folder["results/results.jsonl"])];
        Assert.That(lines, Has.Length.EqualTo(2));
        for (var i = 0; i < lines.Length; i++)
        {
            using var record = JsonDocument.Parse(lines[i]);
            var scores = record.RootElement.GetProperty("naive").GetProperty("scores").EnumerateArray().Select(score => score.GetDouble());
            Assert.That(scores, Is.EqualTo(expected[i]).Within(1e-4), $"image {i}");
        }
    }

    /// <summary>Merged normalisation, a block that is called twice, activations in place;
    /// and attention as PyTorch writes it itself.</summary>
    [TestCase("Plain", "image=2,2,9,8")]
    [TestCase("Attention", "x=2,5,4")]
    public void Validate_OfAUsersModelJustExportedWithItsReferences_Agrees(string model, string input)
    {
        using var folder = new TemporaryFolder();
        Python("-m", "diffeonn_tools", "reference", "--module", $"tests.user_models:{model}", "--input", input, "--output", folder["own"]);

        var run = CommandRun.Of("validate", folder["own/model.onnx"], "--reference", folder["own"], "--json", folder["report.json"]);

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Output + run.Error);
        var report = File.ReadAllText(folder["report.json"]);
        Assert.That(report, Does.Contain("pytorch").And.Contain("compiled"));
    }

    [TestCase("pytorch")]
    [TestCase("results")]
    [TestCase("gpu")]
    [TestCase("public-api")]
    public void Tools_PassTheirOwnTests(string folder) => PythonIn(folder, "-m", "unittest", "discover", "-s", "tests", "-t", ".");

    [TestCase("'python' does not start: No such file or directory", true)]
    [TestCase("'python' ended with 1: ModuleNotFoundError: No module named 'torch'", true)]
    [TestCase("'python' ended with 1: ImportError: libtorch.so: undefined symbol", false)]
    [TestCase("'python' ended with 139: ", false)]
    public void APythonThatBreaks_IsNotTakenForOneThatIsNotThere(string problem, bool isAbsent) =>
        Assert.That(IsAbsence(problem), Is.EqualTo(isAbsent));

    private static bool IsAbsence(string problem) => problem.Contains("' does not start: ", StringComparison.Ordinal)
        || problem.Contains("ModuleNotFoundError", StringComparison.Ordinal);

    private static void Python(params string[] arguments) => PythonIn("pytorch", arguments);

    private static void PythonIn(string folder, params string[] arguments)
    {
        if (Hindrance.Value is { } hindrance)
        {
            // Only what is not installed is no failure; a Python or a package that breaks is.
            if (!IsAbsence(hindrance) || Environment.GetEnvironmentVariable("DIFFEONN_REQUIRE_PYTORCH") == "1") Assert.Fail(hindrance);
            Assert.Ignore($"Python or a package is not at hand (DIFFEONN_PYTHON names a Python that has PyTorch): {hindrance}");
        }

        Assert.That(Problem(folder, arguments), Is.Null);
    }

    /// <summary>Runs Python; null where it ends with 0.</summary>
    private static string? Problem(string folder, params string[] arguments)
    {
        var python = Environment.GetEnvironmentVariable("DIFFEONN_PYTHON") ?? "/usr/bin/python3";
        var start = new ProcessStartInfo(python, arguments)
        {
            WorkingDirectory = Path.Combine(Repository.Root, "tools", folder),
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        try
        {
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEnd();
            if (!process.WaitForExit(TimeSpan.FromMinutes(3))) process.Kill(entireProcessTree: true);
            process.WaitForExit();
            return process.ExitCode == 0 ? null : $"'{python}' ended with {process.ExitCode}: {error}{output.Result}";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return $"'{python}' does not start: {e.Message}";
        }
    }
}
