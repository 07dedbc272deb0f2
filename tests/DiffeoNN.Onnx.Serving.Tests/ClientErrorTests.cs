using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using DiffeoNN.Onnx.Client;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>What the client makes of servers that refuse, fail, are not there or talk nonsense.</summary>
public sealed class ClientErrorTests
{
    private static readonly WireTensor[] Inputs = [WireTensor.Of<float>("x", [1, 2], [1, 2])];

    [Test]
    public async Task Refusals_HaveTheServersStatusAndMessage()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAllAsync();
        await using var server = await TestServer.Start(repository.Models);
        using var client = new DiffeoClient(server.Http);

        Assert.That((await client.InferAsync("a", Inputs))["label"].AsTexts(), Is.EqualTo(new[] { "a1" }));
        var missing = (await Assert.ThrowsAsync<ServerErrorException>(() => client.InferAsync("b", Inputs)))!;
        Assert.That((missing.Status, missing.RetryAfter, missing.IsTemporary),
            Is.EqualTo((HttpStatusCode.NotFound, (TimeSpan?)null, false)));
        Assert.That(missing.Message, Does.Match(@"^http://localhost/v2/models/b/infer: 404 \S.*'b'"));
        repository.Opened[0].Fault = new ProtocolException(ErrorKind.Busy, "The queue is full.");
        var busy = (await Assert.ThrowsAsync<ServerErrorException>(() => client.InferAsync("a", Inputs)))!;
        Assert.That((busy.Status, busy.RetryAfter, busy.IsTemporary),
            Is.EqualTo((HttpStatusCode.ServiceUnavailable, (TimeSpan?)TimeSpan.FromSeconds(1), true)));
        Assert.That(busy.Message, Does.EndWith(": 503 The queue is full."));
        repository.Opened[0].Fault = null;
        // A bundle's answers have a row an image.
        var strange = (await Assert.ThrowsAsync<ServerErrorException>(() => client.InferAsync("a", [new byte[1], new byte[1]])))!;
        Assert.That(strange.Message, Is.EqualTo("The server's answer cannot be read: 'label' BYTES [1] is not of 2 images."));
    }

    [Test]
    public async Task ACancelledRequest_IsCancelledAndNoError()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAllAsync();
        var gate = new TaskCompletionSource();
        repository.Opened[0].Gate = gate.Task;
        await using var server = await TestServer.Start(repository.Models);
        using var client = new DiffeoClient(server.Http);
        using var source = new CancellationTokenSource();

        var asked = client.InferAsync("a", Inputs, cancellationToken: source.Token);
        using (var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30)))
            while (repository.Opened[0].Begun == 0) await Task.Delay(5, limit.Token);
        await source.CancelAsync();

        Assert.That(async () => await asked, Throws.InstanceOf<OperationCanceledException>());
        gate.SetResult();
        Assert.That((await client.InferAsync("a", Inputs))["label"].AsTexts(), Is.EqualTo(new[] { "a1" }), "the next one is right");
    }

    [Test]
    public async Task AServerThatIsNotThere_IsAnErrorWithoutStatus()
    {
        using var client = new DiffeoClient(new Uri("http://127.0.0.1:1/behind/a/proxy"));
        Assert.That(await client.IsReadyAsync(), Is.False);
        var error = (await Assert.ThrowsAsync<ServerErrorException>(() => client.InferAsync("a", Inputs)))!;
        Assert.That((error.Status, error.IsTemporary), Is.EqualTo(((HttpStatusCode?)null, true)));
        Assert.That(error.Message, Does.StartWith("http://127.0.0.1:1/behind/a/proxy/v2/models/a/infer was not reached: "));
        Assert.That(() => new DiffeoClient(new HttpClient()), Throws.ArgumentException.With.Message.Contains("no BaseAddress"));
    }

    [Test]
    public async Task ProblemsOfTheConnection_AreToldByTheirInnermostReason()
    {
        using var folder = new TemporaryFolder();
        WriteCertificate(folder["server.pem"], folder["server.key"]);
        await using var server = new InferenceServer(new ServerOptions
        {
            Models = Directory.CreateDirectory(folder["models"]).FullName, Http = 0, Grpc = -1, Metrics = -1, Drain = TimeSpan.Zero,
            IsQuiet = true, Certificate = folder["server.pem"], CertificateKey = folder["server.key"],
        });
        await server.StartAsync();
        var port = server.Addresses.Http!.Port;

        foreach (var (address, reason) in new[]
        {
            ($"https://localhost:{port}/", "The remote certificate is invalid"), ($"http://localhost:{port}/", "ended prematurely"),
        })
        {
            using var client = new DiffeoClient(new Uri(address));
            var error = (await Assert.ThrowsAsync<ServerErrorException>(() => client.InferAsync("a", Inputs)))!;
            Assert.That(error.Message, Does.StartWith($"{address}v2/models/a/infer was not reached: ").And.Contain(reason)
                .And.Not.Contain("inner exception").And.Not.Contain('\n'));
        }
    }

    [TestCase("no json", 7, "its JSON is not the protocol's: ")]
    [TestCase("{}", 2, "its JSON is not the protocol's: ")]
    [TestCase("{'model_name':'a','outputs':[]}x", 31, "1 bytes belong to no output")]
    [TestCase("{'model_name':'a','outputs':[]}", 32, "the header Inference-Header-Content-Length is missing or wrong")]
    [TestCase("{'model_name':'a','outputs':[]}", null, "the header Inference-Header-Content-Length is missing or wrong")]
    [TestCase("{'model_name':'a','outputs':[OUT]}1234", 110, "'y' has 4 bytes; FP32 [2] needs 8", "FP32", 4)]
    [TestCase("{'model_name':'a','outputs':[OUT]}1234", 110, "'y' has 8 bytes; 4 are left", "FP32", 8)]
    [TestCase("{'model_name':'a','outputs':[OUT]}1234", 110, "'y' is of 'FP31', which this client does not know", "FP31", 4)]
    [TestCase("{'model_name':'a','outputs':[OUT]}1234", 110, "'y' ends within element 0", "BYTES", 4)]
    public async Task AnswersThatDoNotFit_AreRefused(string body, int? length, string message, string type = "", int size = 0)
    {
        body = body.Replace("OUT", $"{{'name':'y','datatype':'{type}','shape':[2],'parameters':{{'binary_data_size':{size}}}}}")
            .Replace('\'', '"');
        // The cases' own length where there is no tensor; else all but the four bytes behind the JSON.
        if (type.Length > 0) length = body.Length - 4;
        using var http = Stub(HttpStatusCode.OK, body, headers =>
        {
            if (length is not null) headers.Add("Inference-Header-Content-Length", $"{length}");
        });
        using var client = new DiffeoClient(http);
        var error = (await Assert.ThrowsAsync<ServerErrorException>(() => client.InferAsync("a", Inputs)))!;
        Assert.That(error.Message, Does.StartWith($"The server's answer cannot be read: {message}"));
        Assert.That((error.Status, error.IsTemporary), Is.EqualTo((HttpStatusCode.OK, false)));
    }

    [TestCase("<html>a proxy's page</html>", "502 <html>a proxy's page</html>")]
    [TestCase("", "502 Bad Gateway")]
    [TestCase("{\"error\": 5}", "502 {\"error\": 5}")]
    public async Task ErrorsOfOthers_AreToldAsTheyAre(string body, string message)
    {
        using var http = Stub(HttpStatusCode.BadGateway, body, _ => { });
        using var client = new DiffeoClient(http);
        var error = (await Assert.ThrowsAsync<ServerErrorException>(() => client.DescribeAsync("a", "3")))!;
        Assert.That(error.Message, Is.EqualTo($"http://there/v2/models/a/versions/3: {message}"));
        Assert.That(error.IsTemporary);
    }

    [Test]
    public void Tensors_ThatAreWrong_AreRefusedBeforeTheyAreSent()
    {
        Assert.That(() => WireTensor.Of<float>("x", [2, 2], [1, 2]),
            Throws.ArgumentException.With.Message.Contains("Tensor 'x' has 2 values; shape [2,2] needs 4."));
        Assert.That(() => WireTensor.Of<char>("x", [1], ['c']),
            Throws.ArgumentException.With.Message.Contains("The protocol has no tensors of Char."));
        Assert.That(WireTensor.OfStrings("s", [new byte[] { 7 }, default]).Data.ToArray(),
            Is.EqualTo(new byte[] { 1, 0, 0, 0, 7, 0, 0, 0, 0 }));
        Assert.That(Inputs[0].ToString(), Is.EqualTo("'x' FP32 [1,2]"));
    }

    /// <summary>Writes a certificate of this machine that is its own authority, and its key.</summary>
    internal static void WriteCertificate(string path, string keyPath)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var own = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddMinutes(-10), DateTimeOffset.UtcNow.AddDays(2));
        File.WriteAllText(path, own.ExportCertificatePem());
        File.WriteAllText(keyPath, key.ExportPkcs8PrivateKeyPem());
    }

    private static HttpClient Stub(HttpStatusCode status, string body, Action<HttpResponseHeaders> headers) =>
        new(new Answer(status, body, headers)) { BaseAddress = new Uri("http://there/") };

    private sealed class Answer(HttpStatusCode status, string body, Action<HttpResponseHeaders> headers) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var answer = new HttpResponseMessage(status) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
            headers(answer.Headers);
            return Task.FromResult(answer);
        }
    }
}
