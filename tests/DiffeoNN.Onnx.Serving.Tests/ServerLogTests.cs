using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Rpc.Wire;
using DiffeoNN.Onnx.Serving.Server;
using Grpc.Core;
using Grpc.Net.Client;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>What whoever runs a server reads of it.</summary>
[NonParallelizable]
public sealed class ServerLogTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    private LogLines _log = null!;
    private FakeRepository _models = null!;
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Models() => (_models, _folder, _log) = (new FakeRepository(), new TemporaryFolder(), new LogLines());

    [TearDown]
    public async Task Dispose()
    {
        await _models.DisposeAsync();
        _folder.Dispose();
        _log.Dispose();
    }

    [Test]
    public async Task WhatBecomesOfModels_IsALineEach()
    {
        _models.Write("a", 1, "a1");
        _models.Write("a", 2, "broken");
        await using var server = await Start();
        await Ready(server);
        Assert.That(_log.Texts, Has.Some.Match(
            @"^Information diffeonn [0-9.]+ runs on cpu, 1 threads: CPU\. \.NET [0-9.]+, ONNX Runtime [0-9.]+.*\.$"));
        Has1("Model a, version 2, is being loaded from ");
        Has1(@"Model a, version 2, does not load, after \d+ ms: The file is broken, as it says\.$");
        Has1(@"Model a, version 1, takes requests after \d+ ms: The highest version that loads: 2 does not\.$");
        Has1(@"Information Ready\.$");
        _models.Write("a", 2, "a2");
        await server.Repository.LoadAsync("a");
        Has1(@"Model a, version 2, takes requests after \d+ ms: It takes the place of version 1\.$");
        _models.Write("a", 3, "broken");
        Assert.That(() => server.Repository.LoadAsync("a"), Throws.TypeOf<ProtocolException>());
        Has1(@"Model a, version 3, does not load, after \d+ ms: The file is broken, as it says\. Version 2 goes on\.$");
        await server.Repository.UnloadAsync("a");
        Has1(@"Model a, version 2, takes no more requests: A client unloaded it\.$");
        Has1(@"No model takes requests any more: clients have unloaded all\.");

        void Has1(string line) => Assert.That(_log.Texts.Count(text => Regex.IsMatch(text, line)), Is.EqualTo(1),
            $"{line}\n{string.Join('\n', _log.Texts)}");
    }

    [Test]
    public async Task Requests_AreALineEach_WithIdModelStatusTimeAndReason()
    {
        File.WriteAllText(_folder["keys"], "alpha\n");
        _models.Write("a", 1, "a1");
        await using var server = await Start(options => options with { KeyFile = _folder["keys"] });
        await Ready(server);
        using var http = new HttpClient { BaseAddress = server.Addresses.Http };
        await Post("v2/models/a/infer");
        Assert.That(Line("Status")["Status"], Is.EqualTo("401"));
        Assert.That(Line("Status")["Reason"], Is.EqualTo("The request has no key."));
        http.DefaultRequestHeaders.Add("X-API-Key", "alpha");
        var id = await Post("v2/models/a/infer");
        var line = Line(id);
        Assert.That((line["RequestId"], line["Model"], line["Version"], line["Status"]), Is.EqualTo((id, "a", "1", "200")));
        Assert.That(line["Milliseconds"], Is.TypeOf<double>().And.InRange(0.0, 60_000.0));
        Assert.That(line, Does.Not.ContainKey("Reason"));
        Assert.That(_log.Texts, Has.Some.Match($@"^Information {id} POST /v2/models/a/infer \(model a, version 1\) 200 \d+\.\d ms$"));
        id = await Post("v2/models/a/infer", "{}");
        Assert.That(_log.Texts, Has.Some.Match($@"^Information {id} .*\(model a\) 400 \d+\.\d ms: The request has no inputs; one"));
        id = await Post("v2/models/b%0Aforged/infer");
        Assert.That(Line(id)["Reason"], Is.EqualTo("There is no model 'b forged'."));
        Assert.That(_log.Texts.Where(text => text.Contains('\n')), Is.Empty);
        _models.Opened[0].Fault = new ProtocolException(ErrorKind.Busy, "Full.");
        id = await Post("v2/models/a/infer");
        Assert.That(_log.Texts, Has.Some.Match($@"^Warning {id} .* 503 \d+\.\d ms: Full\.$"));

        using var channel = GrpcChannel.ForAddress(server.Addresses.Grpc!);
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(channel);
        var key = new Metadata { { "x-api-key", "alpha" } };
        Assert.That(async () => await client.ModelMetadataAsync(new ModelMetadataRequest { Name = "nobody" }, key),
            Throws.TypeOf<RpcException>());
        line = Line("ModelMetadata");
        Assert.That((line["Model"], line["Status"], line["Reason"]), Is.EqualTo(("nobody", "NOT_FOUND", "There is no model 'nobody'.")));
        Assert.That(async () => await client.ModelMetadataAsync(new ModelMetadataRequest { Name = "a" }), Throws.TypeOf<RpcException>());
        Assert.That(Line("ModelMetadata")["Status"], Is.EqualTo("UNAUTHENTICATED"));
        await client.ModelMetadataAsync(new ModelMetadataRequest { Name = "a" }, key);
        Assert.That(() => Line("ModelMetadata")["Status"], Is.EqualTo("OK").After(5000, 5));

        async Task<string> Post(string path, string? body = null)
        {
            using var content = new ByteArrayContent(Requests.Json(body ?? Requests.One("FP32", "[1,2]", "[1,2]")));
            using var answer = await http.PostAsync(new Uri(path, UriKind.Relative), content);
            var id = answer.Headers.GetValues("X-Request-Id").Single();
            // The answer may be there before its line.
            Assert.That(() => _log.Texts, Has.Some.Contains($" {id} ").After(5000, 5));
            return id;
        }

        Dictionary<string, object?> Line(string part)
        {
            var found = part == "Status" ? "401" : part;
            Assert.That(() => _log.Texts, Has.Some.Contains(found).After(5000, 5));
            return _log.FieldsOf(found);
        }
    }

    [Test]
    public async Task WhoIsGone_AndWhoIsCutOff_HaveNoStatusOfSuccess()
    {
        _models.Write("a", 1, "a1");
        await using var server = await Start(options => options with { Grace = TimeSpan.FromSeconds(0.3) });
        await Ready(server);
        _models.Opened[0].Gate = new TaskCompletionSource().Task;
        using var http = new HttpClient { BaseAddress = server.Addresses.Http };
        using var leave = new CancellationTokenSource();
        var left = http.PostAsync(new Uri("v2/models/a/infer", UriKind.Relative), Body(), leave.Token);
        Assert.That(() => _models.Opened[0].Begun, Is.EqualTo(1).After(5000, 5));
        await leave.CancelAsync();
        Assert.That(async () => await left, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => _log.Texts, Has.Some.Match(@"\(model a\) cancelled \d+\.\d ms$").After(5000, 5));
        var cut = http.PostAsync(new Uri("v2/models/a/infer", UriKind.Relative), Body());
        Assert.That(() => _models.Opened[0].Begun, Is.EqualTo(2).After(5000, 5));
        await server.StopAsync().WaitAsync(Long);
        Assert.That(async () => await cut, Throws.InstanceOf<HttpRequestException>());
        Assert.That(() => _log.Texts, Has.Some.Match(@"^Warning .*\(model a\) cut off \d+\.\d ms$").After(5000, 5));
        Assert.That(_log.Texts, Has.Some.EqualTo("Warning Ended; 1 requests had not, and were cut off."));

        static ByteArrayContent Body() => new(Requests.Json(Requests.One("FP32", "[1,2]", "[1,2]")));
    }

    [Test]
    public async Task AFolderThatIsFilledAfterTheStart_IsServed()
    {
        await using var server = await Start();
        using var http = new HttpClient { BaseAddress = server.Addresses.Http };
        Assert.That(() => _log.Texts, Has.Some.EqualTo(
            "Warning Not ready: the folder of its models holds none. The folder is looked at again every 5 s.").After(10000, 5));
        using (var response = await http.GetAsync(new Uri("v2/health/ready", UriKind.Relative)))
        {
            Assert.That(await response.Content.ReadAsStringAsync(),
                Is.EqualTo("{\"error\":\"The server is not ready: the folder of its models holds none.\"}"));
        }

        _models.Write("a", 1, "a1");
        await Ready(server);
        Assert.That(() => _log.Texts, Has.Some.EqualTo("Information Ready.").After(5000, 5));
    }

    [Test]
    public async Task Poll_FindsNewVersions_AndMetricsTellOfWhatIsThereAlone()
    {
        _models.Write("a", 1, "a1");
        _models.Write("b", 1, "b1");
        await using var server = await Start(options => options with { Poll = TimeSpan.FromSeconds(0.1) });
        await Ready(server);
        using var http = new HttpClient { BaseAddress = server.Addresses.Metrics };
        Assert.That(await Versions(), Is.EqualTo(new[] { "a 1 1", "b 1 1" }));
        _models.Write("a", 2, "a2");
        _models.Delete("b");
        using var limit = new CancellationTokenSource(Long);
        while (!server.Repository.Takes("a", "2") || server.Repository.Takes("b")) await Task.Delay(20, limit.Token);
        // Scrapes within a moment are told the same.
        await Task.Delay(1000, limit.Token);
        Assert.That(await Versions(), Is.EqualTo(new[] { "a 2 1" }));

        async Task<string[]> Versions() =>
        [
            .. Regex.Matches(await http.GetStringAsync(new Uri("metrics", UriKind.Relative)),
                "diffeonn_model_ready\\{.*model=\"(.*?)\",version=\"(.*?)\".*\\} (\\d)")
                .Select(match => $"{match.Groups[1]} {match.Groups[2]} {match.Groups[3]}"),
        ];
    }

    [Test]
    public void LiveSeries_KeepsWhatIsOfNoVersion_AndWhatIsKnown()
    {
        const string text = "# TYPE x gauge\nx{model=\"a\",version=\"1\"} 1\nx{s=\"t\",model=\"a\",version=\"2\",u=\"v\"} 2\n"
            + "x{model=\"q\\\"q\",version=\"1\"} 3\ny{model=\"b\"} 4\ninfo{device=\"cpu\",version=\"9\"} 1\n# EOF";
        Assert.That(LiveSeries.Of(text, [("a", "2"), ("q\"q", "1")]),
            Is.EqualTo(text.Replace("x{model=\"a\",version=\"1\"} 1\n", "", StringComparison.Ordinal)));
    }

    private async Task<InferenceServer> Start(Func<ServerOptions, ServerOptions>? change = null)
    {
        var options = new ServerOptions
        {
            Models = _folder.Path, Http = 0, Grpc = 0, Metrics = 0, Drain = TimeSpan.Zero, IsQuiet = true, Watchdog = TimeSpan.Zero,
            Serving = new ServingOptions { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 } },
        };
        var server = new InferenceServer(change?.Invoke(options) ?? options, _models.Models, _log);
        await server.StartAsync();
        return server;
    }

    private static async Task Ready(InferenceServer server)
    {
        using var limit = new CancellationTokenSource(Long);
        while (!server.Repository.IsReady) await Task.Delay(20, limit.Token);
        // Its line comes after.
        await Task.Delay(100, limit.Token);
    }
}
