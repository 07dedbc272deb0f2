using System.IO.Compression;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The protocol over HTTP.</summary>
public sealed class HttpTests
{
    private const string Sum = "{'id':'7','inputs':[{'name':'a','shape':[1,2],'datatype':'FP32','data':[1,2]},"
        + "{'name':'b','shape':[1,2],'datatype':'FP32','data':[[3,5]]}]}";

    [Test]
    public async Task Metadata_HealthAndReadiness_AreToldAsTheProtocolSays()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 3, "a3");
        await using var server = await TestServer.Start(repository.Models);
        Assert.That(await server.Get("v2/health/live"), Is.EqualTo((200, """{"live":true}""")));
        Assert.That(await server.Get("v2/health/ready"),
            Is.EqualTo((400,
                """{"error":"The server is not ready: its models are being loaded."}""")));
        Assert.That((await server.Get("v2/models/a/ready")).Status, Is.EqualTo(400));
        await repository.Models.LoadAllAsync();

        Assert.That(await server.Get("v2/health/ready"), Is.EqualTo((200, """{"ready":true}""")));
        Assert.That(await server.Get("v2/models/a/ready"), Is.EqualTo((200, """{"name":"a","ready":true}""")));
        Assert.That((await server.Get("v2/models/a/versions/3/ready")).Status, Is.EqualTo(200));
        Assert.That((await server.Get("v2/models/a/versions/2/ready")).Status, Is.EqualTo(400));
        var metadata = JsonNode.Parse((await server.Get("v2")).Body)!;
        Assert.That((string)metadata["name"]!, Is.EqualTo("diffeonn"));
        Assert.That(metadata["extensions"]!.AsArray().Select(name => (string)name!), Does.Contain("binary_tensor_data"));
        const string model = """
            {"name":"a","versions":["3"],"platform":"fake","inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],
            "outputs":[{"name":"label","datatype":"BYTES","shape":[1]}]}
            """;
        Assert.That(await server.Get("v2/models/a"), Is.EqualTo((200, model.ReplaceLineEndings(""))));
        Assert.That(await server.Get("v2/models/a/versions/3"), Is.EqualTo((200, model.ReplaceLineEndings(""))));
        const string config = """
            {"name":"a","platform":"fake","backend":"diffeonn","max_batch_size":0,
            "input":[{"name":"x","data_type":"TYPE_FP32","dims":[-1,2]}],"output":[{"name":"label","data_type":"TYPE_STRING","dims":[1]}]}
            """;
        Assert.That(await server.Get("v2/models/a/config"), Is.EqualTo((200, config.ReplaceLineEndings(""))));
    }

    [Test]
    public async Task Infer_AnswersInJsonAndInBinary()
    {
        await using var served = await Plain();
        var server = served.Server;
        const string outputs = """
            "outputs":[{"name":"sum","datatype":"FP32","shape":[1,2],"data":[4,7]},
            {"name":"difference","datatype":"FP32","shape":[1,2],"data":[-2,-3]}]
            """;
        Assert.That(await server.Post("v2/models/plain/infer", Sum), Is.EqualTo(
            (200, $$"""{"model_name":"plain","model_version":"1","id":"7",{{outputs.ReplaceLineEndings("")}}}""")));
        Assert.That((await server.Post("v2/models/plain/versions/1/infer", Sum)).Status, Is.EqualTo(200));

        var head = Requests.Json("{'parameters':{'binary_data_output':true},'outputs':[{'name':'sum'}],'inputs':["
            + "{'name':'a','shape':[1,2],'datatype':'FP32','parameters':{'binary_data_size':8}},"
            + "{'name':'b','shape':[1,2],'datatype':'FP32','parameters':{'binary_data_size':8}}]}");
        using var content = new ByteArrayContent(
            [.. head, .. InferenceTensor.Of<float>("", [4], [1, 2, 3, 5]).ToRaw().ToArray()]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        content.Headers.Add("Inference-Header-Content-Length", $"{head.Length}");
        using var response = await server.Http.PostAsync(new Uri("v2/models/plain/infer", UriKind.Relative), content);
        var body = await response.Content.ReadAsByteArrayAsync();

        Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/octet-stream"));
        var length = int.Parse(response.Headers.GetValues("Inference-Header-Content-Length").Single());
        Assert.That(JsonNode.Parse(body.AsSpan(0, length))!["outputs"]!.ToJsonString(),
            Is.EqualTo("""[{"name":"sum","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]"""));
        Assert.That(body[length..], Is.EqualTo(InferenceTensor.Of<float>("", [2], [4, 7]).ToRaw().ToArray()));
        var statistics = JsonNode.Parse((await server.Get("v2/models/plain/stats")).Body)!["model_stats"]![0]!;
        Assert.That(((int)statistics["inference_count"]!, (int)statistics["inference_stats"]!["success"]!["count"]!), Is.EqualTo((3, 3)));
        Assert.That((await server.Get("v2/models/stats")).Body, Does.Contain("\"name\":\"plain\""));
    }

    [TestCase("v2/models/plain/infer", "{", 400, "The body is no JSON")]
    [TestCase("v2/models/plain/infer", "", 400, "The body is no JSON")]
    [TestCase("v2/models/nobody/infer", Sum, 404, "There is no model 'nobody'.")]
    [TestCase("v2/models/plain/versions/9/infer", Sum, 404, "Model 'plain' has no version '9'")]
    [TestCase("v2/models/plain/elsewhere", "{}", 404, "There is no POST /v2/models/plain/elsewhere.")]
    [TestCase("v2/models/plain/ready", "{}", 404, "There is no POST /v2/models/plain/ready.")]
    [TestCase("v2/repository/models/plain/load", "{}", 403, "Clients may not load and unload models of this server.")]
    [TestCase("v2/repository/models/plain/unload", "{}", 403, "Clients may not load and unload models of this server.")]
    [TestCase("v2/repository/index", "{'redy':true}", 400, "has a member 'redy'; the protocol has ready")]
    public async Task Errors_AreJson(string path, string body, int status, string message)
    {
        await using var served = await Plain();
        var answer = await served.Server.Post(path, body);
        Assert.That(answer.Status, Is.EqualTo(status), answer.Body);
        var json = JsonNode.Parse(answer.Body)!.AsObject();
        Assert.That(json, Has.Count.EqualTo(1));
        Assert.That((string)json["error"]!, Does.Contain(message));
    }

    [Test]
    public async Task Bodies_AreBounded_AlsoWhereTheirLengthIsNotTold()
    {
        await using var served = await Plain(new ServingOptions { Limits = new ProtocolLimits { Bytes = 1000 } });
        foreach (var isTold in (bool[])[true, false])
        {
            using HttpContent content = isTold ? new ByteArrayContent(new byte[1001]) : new StreamContent(new Endless());
            using var response = await served.Server.Http.PostAsync(new Uri("v2/models/plain/infer", UriKind.Relative), content);
            Assert.That((int)response.StatusCode, Is.EqualTo(413));
            Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo(
                $$"""{"error":"The body has {{(isTold ? "1001 bytes" : "more")}}; 1000 bytes are the most that this server takes."}"""));
        }

        Assert.That((await served.Server.Post("v2/models/plain/infer", Sum)).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task BodiesOfManySenders_AreBoundedTogether_AlsoWhereTheyAreNotSentWhole()
    {
        await using var served = await Plain(new ServingOptions { BodyBytes = 2_200_000 });
        var path = new Uri("v2/models/plain/infer", UriKind.Relative);
        using var halting = new Halting(900_000);
        using var first = new StreamContent(halting);
        var pending = served.Server.Http.PostAsync(path, first);
        await halting.Halted;
        Assert.That((await served.Server.Post("v2/models/plain/infer", Sum)).Status, Is.EqualTo(200), "a small one");
        using var second = new ByteArrayContent(new byte[1_500_000]);
        using (var response = await served.Server.Http.PostAsync(path, second))
        {
            Assert.That((int)response.StatusCode, Is.EqualTo(503));
            Assert.That(response.Headers.RetryAfter, Is.Not.Null);
            Assert.That(await response.Content.ReadAsStringAsync(), Does.Match(
                """^\{"error":"Requests of [0-9.]+ MB are read or answered, of 2 MB that may; try again\."\}$"""));
        }

        halting.GoOn();
        using (var response = await pending) Assert.That((int)response.StatusCode, Is.EqualTo(400), "a body of zeros");
        using var third = new ByteArrayContent(new byte[1_500_000]);
        using (var response = await served.Server.Http.PostAsync(path, third))
            Assert.That((int)response.StatusCode, Is.EqualTo(400), "once there is room");
        using var large = new ByteArrayContent(new byte[3_000_000]);
        using (var response = await served.Server.Http.PostAsync(path, large))
            Assert.That((int)response.StatusCode, Is.EqualTo(400), "one alone is let in");
    }

    [TestCase("gzip")]
    [TestCase("X-GZip")]
    [TestCase("deflate")]
    [TestCase("identity")]
    public async Task Bodies_ThatWereCompressed_AreReadAsTheyWere(string encoding)
    {
        await using var served = await Plain();
        var answer = await PostCompressed(served.Server, encoding, Requests.Json(Sum));
        Assert.That(answer, Is.EqualTo(await served.Server.Post("v2/models/plain/infer", Sum)));
    }

    [TestCase("gzip")]
    [TestCase("deflate")]
    public async Task Bodies_ThatAreLargeWhenTheyAreDecompressed_AreRefused(string encoding)
    {
        await using var served = await Plain(new ServingOptions { Limits = new ProtocolLimits { Bytes = 1_000_000 } });
        var (status, body) = await PostCompressed(served.Server, encoding, new byte[50_000_000]);
        Assert.That((status, body), Is.EqualTo((413,
            "{\"error\":\"The body has more; 1000000 bytes are the most that this server takes.\"}")));
    }

    [TestCase("v2", 200)]
    [TestCase("v2/health/live", 200)]
    [TestCase("v2/models/plain/ready", 200)]
    [TestCase("v2/models/nobody/ready", 400)]
    [TestCase("v2/elsewhere", 404)]
    public async Task Head_TellsWhatGetWouldTell_WithoutTheBody(string path, int status)
    {
        await using var served = await Plain();
        var length = Encoding.UTF8.GetByteCount((await served.Server.Get(path)).Body);
        using var response = await served.Server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, new Uri(path, UriKind.Relative)));
        Assert.That(((int)response.StatusCode, response.Content.Headers.ContentType!.MediaType), Is.EqualTo((status, "application/json")));
        Assert.That(await response.Content.ReadAsStringAsync(), Is.Empty);
        if (status == 200) Assert.That(response.Content.Headers.ContentLength, Is.EqualTo(length));
    }

    [Test]
    public async Task Headers_ThatAreNotUnderstood_AreRefused()
    {
        await using var served = await Plain();
        foreach (var (name, value, status, message) in ((string, string, int, string)[])
            [
                ("Inference-Header-Content-Length", "x", 400, "is 'x'; expected a number of bytes"),
                ("Inference-Header-Content-Length", "9999", 400, "says 9999; expected 0 to"),
                ("Content-Encoding", "br", 501, "The body is encoded by 'br'; expected gzip, deflate, or none."),
                ("Content-Encoding", "gzip", 400, "The body cannot be decompressed as its header Content-Encoding 'gzip' says."),
                ("Content-Encoding", "deflate", 400, "The body cannot be decompressed as its header Content-Encoding 'deflate' says."),
            ])
        {
            using var content = new ByteArrayContent(Requests.Json(Sum));
            content.Headers.Add(name, value);
            using var response = await served.Server.Http.PostAsync(new Uri("v2/models/plain/infer", UriKind.Relative), content);
            Assert.That((int)response.StatusCode, Is.EqualTo(status));
            Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain(message));
        }
    }

    [Test]
    public async Task Administration_WhereAllowed_LoadsAndUnloads()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        repository.Write("a", 2, "a2");
        await using var server = await TestServer.Start(repository.Models, new ServingOptions { AllowsAdministration = true });
        Assert.That(await server.Post("v2/repository/index", ""), Is.EqualTo((200,
            """[{"name":"a","version":"1","state":"UNAVAILABLE","reason":""},"""
            + """{"name":"a","version":"2","state":"UNAVAILABLE","reason":""}]""")));
        Assert.That(await server.Post("v2/repository/models/a/load", ""), Is.EqualTo((200, "{}")));
        Assert.That(await server.Post("v2/repository/index", "{'ready':true}"),
            Is.EqualTo((200, """[{"name":"a","version":"2","state":"READY","reason":""}]""")));
        Assert.That((await server.Post("v2/repository/models/a/load", "{'parameters':{'version':'1'}}")).Status, Is.EqualTo(200));
        Assert.That((await server.Get("v2/models/a/versions/1/ready")).Status, Is.EqualTo(200));
        Assert.That(await server.Post("v2/repository/models/b/load", ""), Is.EqualTo((404, """{"error":"There is no model 'b'."}""")));
        Assert.That(await server.Post("v2/repository/models/a/unload", "{'parameters':{'unload_dependents':false}}"),
            Is.EqualTo((200, "{}")));
        using var response = await server.Http.PostAsync(
            new Uri("v2/models/a/infer", UriKind.Relative), new ByteArrayContent(Requests.Json(Sum)));
        Assert.That((int)response.StatusCode, Is.EqualTo(503));
        Assert.That(response.Headers.RetryAfter, Is.Not.Null);
    }

    [Test]
    public async Task Readiness_SaysWhatIsMissing()
    {
        await using var repository = new FakeRepository();
        await using var server = await TestServer.Start(repository.Models, new ServingOptions { AllowsAdministration = true });
        await repository.Models.LoadAllAsync();
        Assert.That(await Reason(), Is.EqualTo("the folder of its models holds none"));
        repository.Write("a", 1, "broken");
        await repository.Models.LoadAllAsync();
        Assert.That(await Reason(), Is.EqualTo("none of its models could be loaded, see the index"));
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAllAsync();
        Assert.That(await server.Get("v2/health/ready"), Is.EqualTo((200, """{"ready":true}""")));
        await server.Post("v2/repository/models/a/unload", "");
        Assert.That(await server.Get("v2/health/ready"),
            Is.EqualTo((200, """{"ready":true,"reason":"Clients have unloaded all models."}""")));
        repository.Models.BeginDrain();
        Assert.That(await Reason(), Is.EqualTo("it is about to end"));

        async Task<string> Reason()
        {
            var (status, body) = await server.Get("v2/health/ready");
            Assert.That(status, Is.EqualTo(400));
            return body.Split("The server is not ready: ")[1].Split(".\"}")[0];
        }
    }

    [Test]
    public async Task Errors_NameTheModelOfThePath()
    {
        await using var served = await PlainServer.Start();
        Assert.That(await served.Server.Post("v2/models/plain/infer", Sum[..^1] + ",'outputs':[{'name':'mask'}]}"), Is.EqualTo((400,
            """{"error":"Model 'plain' has no output 'mask'. Outputs: 'sum' FP32 [-1,2], 'difference' FP32 [-1,2]."}""")));
        Assert.That((await served.Server.Post("v2/models/plain/infer", Requests.One("FP32", "[1,2]", "[1,2]"))).Body,
            Does.StartWith("{\"error\":\"Model 'plain' has no input 'x'."));
        Assert.That((await served.Server.Post("v2/models/plain/infer", Sum.Replace("FP32", "FP64", StringComparison.Ordinal))).Body,
            Does.StartWith("{\"error\":\"Model 'plain' was sent 'a' FP64"));
    }

    [TestCase(null, 1)]
    [TestCase(42.3, 43)]
    public async Task AServerThatIsFull_SaysWhenThereIsRoomAgain(double? seconds, int told)
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAllAsync();
        repository.Opened[0].Fault = new ProtocolException(ErrorKind.Busy, "Full.")
        {
            RetryAfter = seconds is { } known ? TimeSpan.FromSeconds(known) : null,
        };
        await using var server = await TestServer.Start(repository.Models);
        using var response = await server.Http.PostAsync(
            new Uri("v2/models/a/infer", UriKind.Relative), new ByteArrayContent(Requests.Json(Sum)));
        Assert.That(((int)response.StatusCode, response.Headers.RetryAfter!.Delta), Is.EqualTo((503, TimeSpan.FromSeconds(told))));
    }

    [Test]
    public async Task AClientThatLeaves_EndsItsRequest()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAllAsync();
        repository.Opened[0].Gate = new TaskCompletionSource().Task;
        await using var server = await TestServer.Start(repository.Models);
        using var leave = new CancellationTokenSource();
        var asking = server.Http.PostAsync(
            new Uri("v2/models/a/infer", UriKind.Relative), new ByteArrayContent(Requests.Json(Sum)), leave.Token);
        Assert.That(() => repository.Opened[0].Begun, Is.EqualTo(1).After(5000, 5));
        await leave.CancelAsync();
        Assert.That(async () => await asking, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => repository.Models.Statistics("a")[0].Fail.Count, Is.EqualTo(1).After(5000, 5));
    }

    private static async Task<(int Status, string Body)> PostCompressed(TestServer server, string encoding, byte[] body)
    {
        using var bytes = new MemoryStream();
        if (encoding == "identity") bytes.Write(body);
        else
        {
            using Stream stream = encoding == "deflate"
                ? new ZLibStream(bytes, CompressionLevel.Fastest, leaveOpen: true)
                : new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true);
            stream.Write(body);
        }

        using var content = new ByteArrayContent(bytes.ToArray());
        content.Headers.ContentEncoding.Add(encoding);
        using var response = await server.Http.PostAsync(new Uri("v2/models/plain/infer", UriKind.Relative), content);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private static async Task<PlainServer> Plain(ServingOptions? options = null) => await PlainServer.Start(options);

    /// <summary>Zeros that stop coming before their end, until they are let go on.</summary>
    private sealed class Halting(int length) : Stream
    {
        private readonly TaskCompletionSource _halted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _sent;

        public Task Halted => _halted.Task;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => _sent; set => throw new NotSupportedException(); }

        public void GoOn() => _goOn.SetResult();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_sent == length)
            {
                // What was sent before has been read by now, but for what lies in the pipe.
                _halted.TrySetResult();
                await _goOn.Task.WaitAsync(cancellationToken);
                return 0;
            }

            var count = Math.Min(buffer.Length, length - _sent);
            buffer.Span[..count].Clear();
            _sent += count;
            return count;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }

    private sealed class Endless : MemoryStream
    {
        public override bool CanSeek => false;

        public override int Read(Span<byte> buffer) => buffer.Length;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(buffer.Length);
    }
}
