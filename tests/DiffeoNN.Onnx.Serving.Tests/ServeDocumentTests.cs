using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The document of operation has the program's own settings and metrics.</summary>
[NonParallelizable]
public sealed partial class ServeDocumentTests
{
    private static readonly string Document =
        File.ReadAllText(Path.Combine(Checkout.Root, "src", "DiffeoNN.Onnx.Cli", "SERVE.md")).ReplaceLineEndings("\n");

    [Test]
    public void Settings_StandInTheTableAsTheProgramHasThem() => Assert.That(
        Section("## Settings").Split('\n').Where(line => line.StartsWith("| `--", StringComparison.Ordinal)),
        Is.EqualTo(ServerSettings.All.Select(setting =>
            $"| `--{setting.Name} {setting.Value.Replace("|", "\\|")}` | `{setting.Variable}` | {setting.Description} |")
            .Append("| `--config FILE` | | JSON file of settings, by these names. |")));

    [Test]
    public async Task Metrics_StandInTheTableUnderTheNamesThatScrapersSee()
    {
        var (told, triton) = (new Dictionary<string, string>(), new HashSet<string>());
        foreach (Match row in Row().Matches(Section("## Metrics"))) told.Add(row.Groups[1].Value, row.Groups[2].Value);
        foreach (Match name in TritonName().Matches(Section("## Metrics"))) triton.Add(name.Groups[1].Value);
        var instruments = new HashSet<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (!instrument.Meter.Name.StartsWith("DiffeoNN.Onnx", StringComparison.Ordinal)) return;
                lock (instruments) instruments.Add(instrument.Name);
            },
        };
        listener.Start();
        using var folder = new TemporaryFolder();
        Directory.CreateSymbolicLink(folder["shapes"], Checkout.Bundle("shapes"));
        try
        {
            await using var server = new InferenceServer(new ServerOptions
            {
                Models = folder.Path, Http = 0, Grpc = -1, Metrics = 0, Drain = TimeSpan.Zero, HasTritonMetrics = true,
                Serving = new ServingOptions { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 } },
            });
            await server.StartAsync();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            while (!server.Repository.IsReady) await Task.Delay(20, limit.Token);
            await server.Repository.InferAsync(BundleModelTests.Pixels([BundleModelTests.Image(1)]) with { Model = "shapes" }, limit.Token);
            using var http = new HttpClient();
            var text = await http.GetStringAsync(new Uri(server.Addresses.Metrics!, "metrics"));

            var seen = Type().Matches(text).Where(match => match.Groups[1].Value is not ("target_info" or "otel_scope_info"))
                .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
            Assert.That(seen.Keys, Is.SupersetOf(new[] { "diffeonn_images_waiting", "diffeonn_steps_total", "diffeonn_search_steps" }));
            Assert.That(seen.Keys.Except(told.Keys).Except(triton), Is.Empty, "not in the document");
            Assert.That(seen.Keys.Intersect(triton), Is.EquivalentTo(triton));
            foreach (var (name, kind) in seen.Where(pair => told.ContainsKey(pair.Key))) Assert.That(told[name], Is.EqualTo(kind), name);
            // Counters that nothing was counted by are not told to scrapers.
            Assert.That(told.Keys.Concat(triton).Select(Plain), Is.EquivalentTo(instruments.Select(name => Plain(name.Replace('.', '_')))));
        }
        finally
        {
            Directory.Delete(folder["shapes"]);
        }
    }

    /// <summary>What a manifest or a unit misspells is found by nothing else here.</summary>
    [Test]
    public void Deployments_NameSettingsPortsAndMetricsThatThereAre()
    {
        string[] files =
        [
            .. Directory.EnumerateFiles(Path.Combine(Checkout.Root, "tools", "deploy"), "*", SearchOption.AllDirectories)
                .Where(file => Path.GetExtension(file) is ".yaml" or ".service" or ".conf" or ".md").Order(StringComparer.Ordinal),
            Path.Combine(Checkout.Root, "src", "DiffeoNN.Onnx.Server", "DiffeoNN.Onnx.Server.csproj"),
        ];
        var text = string.Concat(files.Select(File.ReadAllText));
        Assert.That(Found(Variable()), Is.Not.Empty.And.SubsetOf(ServerSettings.All.Select(setting => setting.Variable)));
        Assert.That(Found(Metric()), Is.Not.Empty.And.SubsetOf(Row().Matches(Section("## Metrics")).Select(row => row.Groups[1].Value)));
        var arguments = Argument().Matches(text).SelectMany(match => match.Groups[1].Captures.Select(capture => capture.Value)).ToList();
        Assert.That(arguments, Is.EquivalentTo(new[] { "models", "drain", "grace" })
            .And.SubsetOf(ServerSettings.All.Select(setting => setting.Name)));
        var usual = new ServerOptions { Models = "" };
        Assert.That(Found(Port()), Is.EquivalentTo(new[] { $"{usual.Http}", $"{usual.Grpc}", $"{usual.Metrics}" }));
        Assert.That(text, Does.Contain($"Include=\"{usual.Http};{usual.Grpc};{usual.Metrics}\""));

        IEnumerable<string> Found(Regex what) => what.Matches(text).Select(match => match.Groups[1].Value).Distinct();
    }

    private static string Section(string heading) => Document.Split($"\n{heading}\n")[1].Split("\n## ")[0];

    /// <summary>A name without what exporters put behind it.</summary>
    private static string Plain(string name) => Suffix().Replace(name, "");

    [GeneratedRegex(@"^\| `(\w+)` \| (\w+) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`(nv_\\w+)`")]
    private static partial Regex TritonName();

    [GeneratedRegex(@"^# TYPE (\w+) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Type();

    [GeneratedRegex("(DIFFEONN_SERVE_[A-Z_]+)")]
    private static partial Regex Variable();

    [GeneratedRegex("(diffeonn_[a-z]+_[a-z_]+)")]
    private static partial Regex Metric();

    [GeneratedRegex(@"args: \[(?:--([a-z-]+), [^,\]]+(?:, )?)+\]")]
    private static partial Regex Argument();

    [GeneratedRegex(@"containerPort: (\d+)")]
    private static partial Regex Port();

    [GeneratedRegex("(_seconds)?(_total)?$")]
    private static partial Regex Suffix();
}
