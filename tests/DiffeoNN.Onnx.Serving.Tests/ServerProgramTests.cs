using DiffeoNN.Onnx.Client;
using DiffeoNN.Onnx.Server;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The program that containers start.</summary>
[NonParallelizable]
public sealed class ServerProgramTests
{
    [Test]
    public async Task Program_ServesAndEndsInOrderWhenItIsTold()
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("Windows has no SIGTERM.");
        using var folder = new TemporaryFolder();
        PlainModelTests.SumAndDifference().Save(folder["plain.onnx"]);
        using var server = ServerProcess.Start(
            "--models", folder.Path, "--http", "0", "--grpc=0", "--metrics", "0", "--device", "cpu", "--threads", "1", "--drain", "0",
            "--admin");
        var (http, metrics) = await server.Listening();
        using var client = new DiffeoClient(http);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await client.IsReadyAsync(cancellationToken: limit.Token)) await Task.Delay(20, limit.Token);

        var answer = await client.InferAsync(
            "plain", [WireTensor.Of<float>("a", [1, 2], [5, 6]), WireTensor.Of<float>("b", [1, 2], [1, 2])]);

        Assert.That(answer["sum"].As<float>().ToArray(), Is.EqualTo(new float[] { 6, 8 }));
        using var scraper = new HttpClient();
        Assert.That(await scraper.GetStringAsync(new Uri(metrics, "metrics")), Does.Contain("diffeonn_requests_total"));
        server.Terminate();
        var (code, output, errors) = await server.Ended();
        Assert.That((code, errors), Is.EqualTo((ServerProgram.Success, "")));
        Assert.That(output, Does.Contain("Ready.").And.Contain("Told to end").And.EndWith("Ended."));
        Assert.That(await client.IsReadyAsync(), Is.False, "nobody is there");
    }

    [Test]
    public async Task Program_WithSettingsThatMakeNoSense_SaysSoInOneLine()
    {
        using var server = ServerProcess.Start("--models", "/nowhere/at/all", "--http", "eighty");
        var (code, output, errors) = await server.Ended();
        Assert.That((code, output), Is.EqualTo((ServerProgram.Usage, "")));
        Assert.That(errors, Is.EqualTo(
            "error: --http is 'eighty'; expected a whole number. --models: the folder '/nowhere/at/all' does not exist."));
    }

    [TestCase("plain", "error: 'plain' is no setting; expected --NAME VALUE. See 'diffeonn-server --help'.")]
    [TestCase("--modles x", "error: --modles is no setting. See 'diffeonn-server --help'.")]
    [TestCase("--models", "error: --models has no value; expected DIR. See 'diffeonn-server --help'.")]
    [TestCase("--config --admin", "error: --config has no value; expected FILE. See 'diffeonn-server --help'.")]
    [TestCase("--rows 2 --rows=3", "error: --rows is given twice. See 'diffeonn-server --help'.")]
    [TestCase("--admin yes", "error: 'yes' is no setting; expected --NAME VALUE. See 'diffeonn-server --help'.")]
    public async Task ACommandLineThatIsWrong_SaysWhereAndEndsWithTwo(string line, string message)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        Assert.That(await ServerProgram.RunAsync(line.Split(' '), output, error), Is.EqualTo(2));
        Assert.That((output.ToString(), error.ToString().TrimEnd()), Is.EqualTo(("", message)));
    }

    [Test]
    public void CommandLine_IsReadAsTheShellsOwn()
    {
        var given = ServerArguments.Read(
            ["--models", "m", "--http=-1", "--grpc", "-1", "--admin", "--json-log", "false", "--config", "c.json"]);
        Assert.That(given.Settings, Is.EquivalentTo(new Dictionary<string, string>
        {
            ["models"] = "m", ["http"] = "-1", ["grpc"] = "-1", ["admin"] = "true", ["json-log"] = "false",
        }));
        Assert.That((given.File, given.Text), Is.EqualTo(("c.json", (string?)null)));
    }

    [Test]
    public async Task Help_HasEverySetting()
    {
        var output = new StringWriter();
        Assert.That(await ServerProgram.RunAsync(["--help"], output, TextWriter.Null), Is.Zero);
        var text = output.ToString();
        foreach (var setting in ServerSettings.All)
            Assert.That(text, Does.Contain($"  --{setting.Name} {setting.Value}").And.Contain(setting.Description));
        output = new StringWriter();
        Assert.That(await ServerProgram.RunAsync(["--version"], output, TextWriter.Null), Is.Zero);
        Assert.That(output.ToString(), Does.Match(@"^\d+\.\d+\.\d+\s*$"));
    }

    /// <summary>What containers start holds no training and no second engine.</summary>
    [Test]
    public void Program_NeedsTheServerAlone() => Assert.That(
        typeof(ServerProgram).Assembly.GetReferencedAssemblies().Select(needed => needed.Name!)
            .Where(name => name.StartsWith("DiffeoNN", StringComparison.Ordinal)), Is.EqualTo(new[] { "DiffeoNN.Onnx.Serving" }));
}
