using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using DiffeoNN.Onnx.Client;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The clients in tools/deploy/examples, against the program.</summary>
[NonParallelizable]
public sealed class ExampleTests
{
    /// <summary>One that answers masks, and one that answers scores.</summary>
    private static readonly string[] Names = ["shapes", "genus"];

    private TemporaryFolder _folder = null!;
    private ServerProcess _server = null!;
    private string _address = null!;

    [OneTimeSetUp]
    public async Task Serve()
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("The examples are scripts for a Unix shell.");
        _folder = new TemporaryFolder();
        Directory.CreateDirectory(_folder["models"]);
        foreach (var name in Names) Directory.CreateSymbolicLink(_folder[$"models/{name}"], Checkout.Bundle(name));
        ImageFile.WritePng(_folder["image.png"], BundleModelTests.Image(1));
        _server = ServerProcess.Start(
            "--models", _folder["models"], "--http", "0", "--grpc", "0", "--metrics", "0", "--device", "cpu", "--drain", "0");
        var (http, _) = await _server.Listening();
        _address = http.AbsoluteUri.TrimEnd('/');
        using var client = new DiffeoClient(http);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await client.IsReadyAsync(cancellationToken: limit.Token)) await Task.Delay(20, limit.Token);
    }

    [OneTimeTearDown]
    public void End()
    {
        _server?.Dispose();
        if (_folder is null) return;
        foreach (var name in Names) Directory.Delete(_folder[$"models/{name}"]);
        _folder.Dispose();
    }

    [Test]
    public void Python_TellsWhatTheSearchFoundAndWritesTheMask()
    {
        var image = _folder["image.png"];
        var (code, output, errors) = Run(
            "python3", "infer.py", _address, "shapes", image, image, "--steps", "2", "--mask", _folder["mask.pgm"]);
        Assert.That(code, Is.Zero, errors);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines[1], Is.EqualTo(lines[0]), "the same image twice");
        using var found = JsonDocument.Parse(lines[0]);
        Assert.That(found.RootElement.GetProperty("energy_before").GetDouble(), Is.Positive);
        Assert.That(found.RootElement.GetProperty("pixels").EnumerateObject().Sum(pair => pair.Value.GetInt32()), Is.EqualTo(64 * 64));
        Assert.That(new FileInfo(_folder["mask.pgm"]).Length, Is.EqualTo("P5 64 64 1\n".Length + (64 * 64)));
        Assert.That(Run("python3", "infer.py", _address, "circles", image).Errors, Does.StartWith("404: ").And.Contain("circles"));
    }

    [Test]
    public void Python_TellsTheScoresOfABundleWithoutMasks()
    {
        var (code, output, errors) = Run("python3", "infer.py", _address, "genus", _folder["image.png"], "--steps", "1");
        Assert.That(code, Is.Zero, errors);
        using var found = JsonDocument.Parse(output);
        Assert.That(found.RootElement.GetProperty("scores").EnumerateArray().Sum(score => score.GetDouble()), Is.EqualTo(1).Within(1e-5));
        Assert.That(found.RootElement.GetProperty("stop").GetString(), Is.Not.Empty);
        (code, _, errors) = Run("python3", "infer.py", _address, "genus", _folder["image.png"], "--steps", "0", "--mask", _folder["none"]);
        Assert.That((code, errors), Is.EqualTo((1, "genus answers no mask; it has scores, energy_before, energy_after, accepted, refusal, "
            + "steps, stop, determinant, residual.\n")));
        Assert.That(File.Exists(_folder["none"]), Is.False);
    }

    [Test]
    public void Curl_TellsTheAnswer([Values("shapes", "genus")] string model)
    {
        var (code, output, errors) = Run("bash", "infer.sh", _address, model, _folder["image.png"], "2");
        Assert.That(code, Is.Zero, errors);
        using var found = JsonDocument.Parse(output);
        var outputs = found.RootElement.GetProperty("outputs").EnumerateArray().ToDictionary(one => one.GetProperty("name").GetString()!);
        Assert.That(outputs.Keys, Is.EqualTo(new[]
        {
            model == "shapes" ? "mask" : "scores", "energy_before", "energy_after", "accepted", "refusal", "steps", "stop", "determinant",
            "residual",
        }));
        Assert.That(outputs["steps"].GetProperty("data")[0].GetInt32(), Is.InRange(0, 2));
    }

    [Test]
    public void BothWithoutSteps_FollowTheBundle()
    {
        var image = _folder["image.png"];
        using var python = JsonDocument.Parse(Run("python3", "infer.py", _address, "genus", image).Output);
        using var curl = JsonDocument.Parse(Run("bash", "infer.sh", _address, "genus", image).Output);
        var steps = curl.RootElement.GetProperty("outputs").EnumerateArray().Single(one => one.GetProperty("name").ValueEquals("steps"));
        Assert.That(python.RootElement.GetProperty("steps").GetInt32(), Is.EqualTo(steps.GetProperty("data")[0].GetInt32()));
    }

    [TestCase("python3", "infer.py")]
    [TestCase("bash", "infer.sh")]
    public void AFileOrAServerThatIsNotThere_IsTold_InALine(string program, string script)
    {
        var (code, output, errors) = Run(program, script, _address, "shapes", _folder["nowhere.png"]);
        Assert.That((code, output), Is.EqualTo((1, "")));
        Assert.That(errors, Does.Match(@"^\S*nowhere\.png: [^\n]+\n$"));
        (code, output, errors) = Run(program, script, "http://127.0.0.1:1", "shapes", _folder["image.png"]);
        Assert.That(code, Is.Not.Zero);
        Assert.That(output, Is.Empty);
        Assert.That(errors, Does.Match(@"^[^\n]*127\.0\.0\.1[^\n]*\n$"));
    }

    private static (int Code, string Output, string Errors) Run(string program, string script, params string[] arguments)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        if (program == "bash" && !folders.Any(folder => File.Exists($"{folder}/curl")))
            Assert.Ignore("There is no curl here.");
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(Checkout.Root, "tools", "deploy", "examples", script));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        try
        {
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEndAsync();
            if (!process.WaitForExit(TimeSpan.FromMinutes(2))) process.Kill(entireProcessTree: true);
            process.WaitForExit();
            return (process.ExitCode, output.Result, errors.Result);
        }
        catch (Win32Exception)
        {
            Assert.Ignore($"There is no {program} here.");
            throw;
        }
    }
}
