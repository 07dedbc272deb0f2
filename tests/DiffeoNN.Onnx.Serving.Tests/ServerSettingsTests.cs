using System.Net;
using System.Net.Sockets;
using DiffeoNN.Onnx.Server;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Settings that cannot be followed end a server before it serves, in a line that says which.</summary>
[NonParallelizable]
public sealed class ServerSettingsTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Folder() => _folder = new TemporaryFolder();

    [TearDown]
    public void Dispose() => _folder.Dispose();

    [TestCase("[1]", "holds an array; expected an object of settings.")]
    [TestCase("7", "holds a number; expected an object of settings.")]
    [TestCase("{\"http\": 1,}",
        "is no JSON, line 1: The JSON object contains a trailing comma at the end which is not supported in this mode.")]
    [TestCase("{\n\"http\" 1}", "is no JSON, line 2: '1' is invalid after a property name. Expected a ':'.")]
    public void AFileThatCannotBeRead_IsAllThatIsTold(string json, string problem)
    {
        File.WriteAllText(_folder["c.json"], json);
        Assert.That(() => ServerSettings.Read(new Dictionary<string, string>(), _folder["c.json"], new Dictionary<string, string>()),
            Throws.TypeOf<ServerException>().With.Message.EqualTo($"--config: '{_folder["c.json"]}' {problem}"));
    }

    [TestCase("http", "99999999999", "--http is '99999999999'; expected a whole number from -1 to 65535.")]
    [TestCase("rows", "99999999999", "--rows is '99999999999'; expected a whole number from 1 to 2147483647.")]
    [TestCase("rows", "2.5", "--rows is '2.5'; expected a whole number.")]
    [TestCase("threads", "-3", "--threads is -3; expected 0 for all cores, or a number of them.")]
    [TestCase("drain", "1e7", "--drain is '1e7'; expected a number of seconds, 0 or more.")]
    [TestCase("poll", "10000000", "--poll is '10000000'; expected a number of seconds from 0 to 1000000.")]
    [TestCase("address", "nowhere", "--address is 'nowhere'; expected an IP address, 'localhost', or '*' for all.")]
    [TestCase("key-file", "/", "--key-file: '/' is a folder; expected a file.")]
    public void AValueThatMakesNoSense_IsToldWithWhatWasExpected(string name, string value, string problem)
    {
        var given = new Dictionary<string, string> { ["models"] = _folder.Path, [name] = value };
        Assert.That(() => ServerSettings.Read(given, null, new Dictionary<string, string>()),
            Throws.TypeOf<ServerException>().With.Message.EqualTo(problem));
    }

    [Test]
    public async Task AnAddressOfAnotherMachine_IsToldInALine()
    {
        // For documents, and nobody's.
        var (code, error) = await Run("--address", "192.0.2.7", "--http", "0");
        Assert.That((code, error), Is.EqualTo(
            (ServerProgram.Usage, "error: --address is '192.0.2.7', which is no address of this machine.")));
    }

    [Test]
    public async Task APortThatIsTaken_IsToldInALineAndNothingElse()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        using var server = ServerProcess.Start(
            "--models", _folder.Path, "--address", "127.0.0.1", "--http", $"{port}", "--grpc", "-1", "--metrics", "-1");
        var (code, output, errors) = await server.Ended();
        Assert.That((code, output, errors), Is.EqualTo((ServerProgram.Usage, "",
            $"error: The server cannot listen: Failed to bind to address http://127.0.0.1:{port}: address already in use.")));
    }

    [Test]
    public async Task ABundleInPlaceOfItsFolder_IsTold()
    {
        var bundle = Checkout.Bundle("genus");
        using var server = ServerProcess.Start("--models", bundle);
        var (code, _, errors) = await server.Ended();
        Assert.That((code, errors), Is.EqualTo((ServerProgram.Usage,
            $"error: --models: '{bundle}' is a bundle; expected the folder that holds it, "
            + "whose models are served by their folders' names.")));
    }

    [TestCase("key-file")]
    [TestCase("tls-cert")]
    [TestCase("models")]
    public async Task WhatMayNotBeRead_IsToldByItsOptionAndName(string name)
    {
        using var closed = new ClosedFolder();
        var path = name == "models" ? closed.Hidden : closed.HiddenFile;
        using var server = closed.Start(name == "models" ? ["--models", path] : ["--models", closed.Path, $"--{name}", path]);
        var (code, output, errors) = await server.Ended();
        Assert.That((code, output), Is.EqualTo((ServerProgram.Usage, "")));
        Assert.That(errors, Is.EqualTo(name == "models"
            ? $"error: --models: the folder '{path}' cannot be read: Access to the path '{path}' is denied."
            : $"error: --{name}: '{path}' cannot be read: Access to the path '{path}' is denied."));
    }

    /// <summary>As on a fresh volume, whose folder of lost files is root's.</summary>
    [Test]
    public async Task AFolderThatMayNotBeRead_KeepsNobodyElseFromBeingServed()
    {
        using var closed = new ClosedFolder();
        PlainModelTests.SumAndDifference().Save(System.IO.Path.Combine(closed.Path, "plain.onnx"));
        using var server = closed.Start(
            ["--models", closed.Path, "--http", "0", "--grpc", "0", "--metrics", "0", "--device", "cpu", "--threads", "1", "--drain", "0",
             "--json-log"]);
        // The lines are JSON, which the process' reader does not look for; what counts is that it serves.
        await server.Said("Ready.");
        server.Terminate();
        var (code, output, errors) = await server.Ended();
        Assert.That((code, errors), Is.EqualTo((ServerProgram.Success, "")));
        Assert.That(output, Does.Match(
            "Model hidden, version 1, does not load, after \\d+ ms: The folder cannot be read: Access to the path"));
        Assert.That(output, Does.Not.Contain("lost"));
        using var line = System.Text.Json.JsonDocument.Parse(output.Split('\n').First(
            line => line.Contains("plain, version 1, takes requests", StringComparison.Ordinal)));
        Assert.That(line.RootElement.GetProperty("Timestamp").GetString(), Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"));
        Assert.That(line.RootElement.GetProperty("State").GetProperty("Model").GetString(), Is.EqualTo("plain"));
    }

    private async Task<(int Code, string Error)> Run(params string[] arguments)
    {
        var error = new StringWriter();
        var code = await ServerProgram.RunAsync(
            ["--models", _folder.Path, "--grpc", "-1", "--metrics", "-1", .. arguments], TextWriter.Null, error);
        return (code, error.ToString().TrimEnd());
    }
}
