using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Rpc.Wire;
using DiffeoNN.Onnx.Serving.Server;
using Grpc.Core;
using Grpc.Net.Client;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The whole server, over ports of this machine.</summary>
[NonParallelizable]
public sealed class InferenceServerTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Folder()
    {
        _folder = new TemporaryFolder();
        PlainModelTests.SumAndDifference().Save(_folder["plain.onnx"]);
    }

    [TearDown]
    public void Dispose() => _folder.Dispose();

    [Test]
    public async Task Server_IsLiveAtOnce_ReadyWhenWarm_AndTellsItsMetrics([Values] bool triton)
    {
        await using var server = await Start(options => options with { HasTritonMetrics = triton });
        using var http = new HttpClient { BaseAddress = server.Addresses.Http };
        Assert.That((await http.GetAsync(Path("v2/health/live"))).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await Ready(http);
        Assert.That((await Infer(http)).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using var channel = GrpcChannel.ForAddress(server.Addresses.Grpc!);
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(channel);
        Assert.That((await client.ServerReadyAsync(new ServerReadyRequest())).Ready);

        using var metrics = new HttpClient { BaseAddress = server.Addresses.Metrics };
        var text = await metrics.GetStringAsync(Path("metrics"));
        Assert.That(text, Does.Match("diffeonn_requests_total\\{.*model=\"plain\",version=\"1\"\\} 1"));
        Assert.That(text, Does.Match("diffeonn_model_ready\\{.*model=\"plain\",version=\"1\"\\} 1"));
        Assert.That(text, Does.Match("diffeonn_server_info\\{.*device=\"cpu\".*threads=\"1\".*\\} 1"));
        Assert.That(text, Does.Match("target_info\\{.*service_name=\"diffeonn\".*service_version=\"[0-9.]+\".*\\} 1"));
        Assert.That(Regex.IsMatch(text, "nv_inference_request_success\\{.*model=\"plain\",version=\"1\"\\} 1"), Is.EqualTo(triton));
        Assert.That((await http.GetAsync(Path("metrics"))).StatusCode, Is.EqualTo(HttpStatusCode.NotFound), "on its own port alone");
        foreach (var health in new[] { "v2/health/live", "v2/health/ready" })
        {
            var expected = (await http.GetAsync(Path(health))).StatusCode;
            Assert.That((await metrics.GetAsync(Path(health))).StatusCode, Is.EqualTo(expected), health);
        }

        Assert.That((await metrics.GetAsync(Path("v2"))).StatusCode, Is.EqualTo(HttpStatusCode.NotFound), "nothing else there");
        Assert.That(await (await http.GetAsync(Path("nowhere"))).Content.ReadAsStringAsync(),
            Is.EqualTo("{\"error\":\"There is no GET /nowhere.\"}"));
    }

    [Test]
    public async Task Keys_AreAskedForByBothProtocols_AndNotByProbes()
    {
        File.WriteAllText(_folder["keys"], "# of the clients\nalpha\n\nbeta\n");
        await using var server = await Start(options => options with { KeyFile = _folder["keys"] });
        using var http = new HttpClient { BaseAddress = server.Addresses.Http };
        await Ready(http);
        var refused = await Infer(http);
        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await refused.Content.ReadAsStringAsync(), Does.StartWith("{\"error\":\"This server wants a key"));
        http.DefaultRequestHeaders.Add("X-API-Key", "gamma");
        Assert.That((await Infer(http)).StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        http.DefaultRequestHeaders.Remove("X-API-Key");
        http.DefaultRequestHeaders.Add("X-API-Key", "beta");
        Assert.That((await Infer(http)).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        http.DefaultRequestHeaders.Remove("X-API-Key");
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "alpha");
        Assert.That((await Infer(http)).StatusCode, Is.EqualTo(HttpStatusCode.OK));

        using var channel = GrpcChannel.ForAddress(server.Addresses.Grpc!);
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(channel);
        Assert.That((await client.ServerLiveAsync(new ServerLiveRequest())).Live);
        Assert.That(async () => await client.ServerMetadataAsync(new ServerMetadataRequest()), Throws.TypeOf<RpcException>()
            .With.Property("StatusCode").EqualTo(StatusCode.Unauthenticated));
        var known = new Metadata { { "authorization", "Bearer beta" } };
        Assert.That((await client.ServerMetadataAsync(new ServerMetadataRequest(), known)).Name, Is.EqualTo("diffeonn"));
    }

    [Test]
    public async Task ToldToEnd_ItAnswersWhatComesWhileItDrains()
    {
        var server = await Start(options => options with { Drain = TimeSpan.FromSeconds(1.5) });
        await using (server)
        {
            using var http = new HttpClient { BaseAddress = server.Addresses.Http };
            await Ready(http);
            var ending = server.StopAsync();
            Assert.That((await http.GetAsync(Path("v2/health/ready"))).StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That((await http.GetAsync(Path("v2/health/live"))).StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That((await Infer(http)).StatusCode, Is.EqualTo(HttpStatusCode.OK));
            await ending.WaitAsync(Long);
            Assert.That(async () => await Infer(http), Throws.TypeOf<HttpRequestException>());
        }
    }

    [Test]
    public async Task StreamsThatIdle_AreToldOfTheEnd_AndDoNotDelayIt()
    {
        await using var server = await Start();
        using var http = new HttpClient { BaseAddress = server.Addresses.Http };
        await Ready(http);
        using var channel = GrpcChannel.ForAddress(server.Addresses.Grpc!);
        using var stream = new GRPCInferenceService.GRPCInferenceServiceClient(channel).ModelStreamInfer();
        using var health = new Health.HealthClient(channel).Watch(new HealthCheckRequest());
        await stream.RequestStream.WriteAsync(new ModelInferRequest { ModelName = "nobody" });
        Assert.That(await stream.ResponseStream.MoveNext(default));
        Assert.That(stream.ResponseStream.Current.ErrorMessage, Is.EqualTo("The request has no inputs; one at least is needed."));
        Assert.That(await health.ResponseStream.MoveNext(default));
        Assert.That(health.ResponseStream.Current.Status, Is.EqualTo(HealthCheckResponse.Types.ServingStatus.Serving));

        // As clients do that wait for what comes.
        var (next, status) = (stream.ResponseStream.MoveNext(default), health.ResponseStream.MoveNext(default));

        // Without being told they would last as long as requests in flight may, a minute.
        await server.StopAsync().WaitAsync(Long);

        var error = (await Assert.ThrowsAsync<RpcException>(async () => await next))!;
        Assert.That((error.StatusCode, error.Status.Detail), Is.EqualTo(
            (StatusCode.Unavailable, "The server is about to end and takes no more requests.")));
        Assert.That(await status);
        Assert.That(health.ResponseStream.Current.Status, Is.EqualTo(HealthCheckResponse.Types.ServingStatus.NotServing));
        Assert.That(await health.ResponseStream.MoveNext(default), Is.False);
    }

    [Test]
    public async Task ABrokenModel_KeepsNobodyElseFromBeingServed()
    {
        File.WriteAllText(_folder["broken.onnx"], "no model");
        await using var server = await Start();
        using var http = new HttpClient { BaseAddress = server.Addresses.Http };
        await Ready(http);
        Assert.That((await Infer(http)).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        var index = await (await http.PostAsync(Path("v2/repository/index"), new StringContent("{}"))).Content.ReadAsStringAsync();
        Assert.That(index, Does.Match("\"name\":\"broken\".*\"state\":\"UNAVAILABLE\",\"reason\":\"[^\"]+\""));
    }

    [Test]
    public async Task ModelsThatDoNotAnswerAnyMore_MakeItNotReady_AndThenEndIt()
    {
        var options = new ServerOptions
        {
            Models = _folder.Path, Http = 0, Grpc = -1, Metrics = -1, Drain = TimeSpan.Zero, IsQuiet = true,
            Watchdog = TimeSpan.FromSeconds(1),
        };
        await using var models = new FakeRepository();
        models.Write("a", 1, "a1");
        await using var server = new InferenceServer(options, models.Models);
        var running = server.RunAsync();
        while (server.Addresses.Http is null) await Task.Delay(10);
        using var http = new HttpClient { BaseAddress = server.Addresses.Http };
        await Ready(http);
        models.Opened.Single().Check = token => Task.Delay(Timeout.Infinite, token);
        using var limit = new CancellationTokenSource(Long);
        while ((await http.GetAsync(Path("v2/health/ready"), limit.Token)).IsSuccessStatusCode) await Task.Delay(20, limit.Token);
        Assert.That(async () => await running.WaitAsync(Long),
            Throws.TypeOf<ServerException>().With.Message.StartsWith("The models do not"));
    }

    [Test]
    public async Task Tls_AndClientsWithACertificateOfOurAuthority_AreServedAlone()
    {
        using var key = RSA.Create(2048);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        using var own = Signed("CN=server", key, names.Build());
        File.WriteAllText(_folder["server.pem"], own.ExportCertificatePem());
        File.WriteAllText(_folder["server.key"], key.ExportPkcs8PrivateKeyPem());
        using var authorityKey = RSA.Create(2048);
        using var authority = Signed("CN=ours", authorityKey, null);
        File.WriteAllText(_folder["ca.pem"], authority.ExportCertificatePem());
        await using var server = await Start(options => options with
        {
            Certificate = _folder["server.pem"], CertificateKey = _folder["server.key"], ClientAuthority = _folder["ca.pem"],
        });
        Assert.That(server.Addresses.Http!.Scheme, Is.EqualTo("https"));
        Assert.That(async () => await Get(null), Throws.TypeOf<HttpRequestException>(), "no certificate");
        using var strangerKey = RSA.Create(2048);
        using var stranger = Signed("CN=stranger", strangerKey, null);
        Assert.That(async () => await Get(stranger), Throws.TypeOf<HttpRequestException>(), "signed by nobody");
        using var clientKey = RSA.Create(2048);
        var request = new CertificateRequest("CN=client", clientKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var client = request.Create(authority, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddDays(1), [1, 2, 3])
            .CopyWithPrivateKey(clientKey);
        Assert.That(await Get(client), Is.EqualTo("{\"live\":true}"));

        async Task<string> Get(X509Certificate2? certificate)
        {
            using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true };
            if (certificate is not null)
            {
                handler.ClientCertificates.Add(X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null));
                handler.ClientCertificateOptions = ClientCertificateOption.Manual;
            }

            using var http = new HttpClient(handler) { BaseAddress = server.Addresses.Http };
            return await http.GetStringAsync(Path("v2/health/live"));
        }
    }

    [Test]
    public void Settings_OfCommandLineEnvironmentAndFile_CountInThisOrder()
    {
        File.WriteAllText(
            _folder["serve.json"], "{\"http\": 1111, \"grpc\": 1112, \"rows\": 3, \"admin\": true, \"preset\": \"published\"}");
        var environment = new Dictionary<string, string>
        {
            ["DIFFEONN_SERVE_HTTP"] = "2222", ["DIFFEONN_SERVE_MAX_BATCH"] = "5", ["PATH"] = "/bin", ["DIFFEONN_SERVE_DRAIN"] = "0.5",
        };
        var given = new Dictionary<string, string> { ["models"] = _folder.Path, ["http"] = "3333", ["device"] = "cuda:2" };
        var options = ServerSettings.Read(given, _folder["serve.json"], environment);
        Assert.That((options.Http, options.Grpc, options.Drain), Is.EqualTo((3333, 1112, TimeSpan.FromSeconds(0.5))));
        var serving = options.Serving;
        Assert.That((serving.MaximumRows, serving.MaximumBatch, serving.AllowsAdministration), Is.EqualTo((3, 5, true)));
        Assert.That((serving.Execution.Device, serving.Execution.DeviceIndex), Is.EqualTo((ExecutionDevice.Cuda, 2)));
    }

    [Test]
    public void Settings_ThatMakeNoSense_AreAllNamedAtOnce()
    {
        var environment = new Dictionary<string, string> { ["DIFFEONN_SERVE_HTPP"] = "1" };
        var given = new Dictionary<string, string>
        {
            ["models"] = _folder["nowhere"], ["http"] = "eighty", ["rows"] = "0", ["drain"] = "-1", ["preset"] = "paper",
            ["metrics"] = "9000",
        };
        var error = Assert.Throws<ServerException>(() => ServerSettings.Read(given, null, environment))!;
        var lines = error.Message.Split(Environment.NewLine);
        Assert.That(lines, Has.Some.StartsWith("DIFFEONN_SERVE_HTPP is no setting"));
        Assert.That(lines, Does.Contain("--http is 'eighty'; expected a whole number."));
        Assert.That(lines, Does.Contain("--drain is '-1'; expected a number of seconds, 0 or more."));
        Assert.That(lines, Does.Contain("--preset is 'paper'; expected bundle or published."));
        Assert.That(lines, Does.Contain($"--models: the folder '{_folder["nowhere"]}' does not exist."));
        Assert.That(lines, Does.Contain("--rows is 0; expected at least 1."));
        Assert.That(lines, Does.Contain("--http, --grpc and --metrics need ports of their own."));
        Assert.That(() => ServerSettings.Read(new Dictionary<string, string>()), Throws.TypeOf<ServerException>()
            .With.Message.EqualTo("--models is missing: the folder of the models."));
    }

    private async Task<InferenceServer> Start(Func<ServerOptions, ServerOptions>? change = null)
    {
        var options = new ServerOptions
        {
            Models = _folder.Path, Http = 0, Grpc = 0, Metrics = 0, Drain = TimeSpan.Zero,
            Serving = new ServingOptions { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 } },
        };
        var server = new InferenceServer(change?.Invoke(options) ?? options);
        await server.StartAsync();
        return server;
    }

    private static async Task Ready(HttpClient http)
    {
        using var limit = new CancellationTokenSource(Long);
        while (!(await http.GetAsync(Path("v2/health/ready"), limit.Token)).IsSuccessStatusCode) await Task.Delay(20, limit.Token);
    }

    private static Task<HttpResponseMessage> Infer(HttpClient http) => http.PostAsync(Path("v2/models/plain/infer"), new StringContent(
        """
        {"inputs": [{"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]},
                    {"name": "b", "shape": [1, 2], "datatype": "FP32", "data": [3, 5]}]}
        """, Encoding.UTF8, "application/json"));

    private static Uri Path(string path) => new(path, UriKind.Relative);

    private static X509Certificate2 Signed(string subject, RSA key, X509Extension? names)
    {
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        if (names is not null) request.CertificateExtensions.Add(names);
        else request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddMinutes(-10), DateTimeOffset.UtcNow.AddDays(2));
    }
}
