using System.Net;
using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Serving.Http;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The page's files: where they are, what is said of them, and that they need nothing from elsewhere.</summary>
public sealed partial class PageTests
{
    private TemporaryFolder _folder = null!;
    private InferenceServer _server = null!;
    private HttpClient _http = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _folder = new TemporaryFolder();
        await File.WriteAllTextAsync(_folder["keys"], "secret\n");
        _server = new InferenceServer(new ServerOptions
        {
            Models = Directory.CreateDirectory(_folder["models"]).FullName, KeyFile = _folder["keys"], Address = "127.0.0.1",
            Http = 0, Grpc = -1, Metrics = -1,
        });
        await _server.StartAsync();
        _http = new HttpClient { BaseAddress = _server.Addresses.Http };
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        _http.Dispose();
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [TestCase("/", "text/html; charset=utf-8")]
    [TestCase("/page/page.js", "text/javascript; charset=utf-8")]
    [TestCase("/page/protocol.js", "text/javascript; charset=utf-8")]
    [TestCase("/page/drawing.js", "text/javascript; charset=utf-8")]
    [TestCase("/page/page.css", "text/css; charset=utf-8")]
    [TestCase("/page/icon.svg", "image/svg+xml")]
    public async Task Files_ComeWithoutAKey_WithTypePolicyAndTag(string path, string type)
    {
        using var response = await _http.GetAsync(new Uri(path, UriKind.Relative));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That($"{response.Content.Headers.ContentType}", Is.EqualTo(type));
        var policy = response.Headers.GetValues("Content-Security-Policy").Single().Split("; ");
        Assert.That(policy, Does.Contain("default-src 'none'").And.Contain("script-src 'self'").And.Contain("frame-ancestors 'none'"));
        Assert.That(policy, Has.None.Contains("unsafe"));
        Assert.That(response.Headers.GetValues("X-Content-Type-Options"), Is.EqualTo(new[] { "nosniff" }));
        Assert.That($"{response.Headers.CacheControl}", Is.EqualTo("no-cache"));
        var tag = response.Headers.ETag!;
        Assert.That(tag.IsWeak, Is.False);

        foreach (var (known, status) in new[] { ($"{tag}", 304), ($"\"other\", W/{tag}", 304), ("*", 304), ("\"other\"", 200) })
        {
            using var again = new HttpRequestMessage(HttpMethod.Get, path);
            again.Headers.TryAddWithoutValidation("If-None-Match", known);
            using var answer = await _http.SendAsync(again);
            Assert.That(((int)answer.StatusCode, answer.Headers.ETag), Is.EqualTo((status, tag)), known);
            Assert.That((await answer.Content.ReadAsByteArrayAsync()).Length == 0, Is.EqualTo(status == 304), known);
        }

        using var head = new HttpRequestMessage(HttpMethod.Head, path);
        using var told = await _http.SendAsync(head);
        Assert.That(told.Content.Headers.ContentLength, Is.EqualTo(response.Content.Headers.ContentLength).And.Positive);
    }

    [TestCase("GET", "page/nothing.js", 404)]
    [TestCase("GET", "page/", 404)]
    [TestCase("GET", "index.html", 401)]
    [TestCase("GET", "page.js", 401)]
    [TestCase("GET", "v2/load", 401)]
    [TestCase("POST", "", 404)]
    public async Task Elsewhere_IsNothing_AndIsToldInJson(string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await _http.SendAsync(request);
        Assert.That((int)response.StatusCode, Is.EqualTo(status));
        Assert.That(await response.Content.ReadAsStringAsync(),
            Does.Contain(status == 401 ? "This server wants a key" : $"There is no {method} /{path}."));
    }

    [Test]
    public void Files_NeedNothingButOneAnother_AndHaveNoCodeInline()
    {
        var files = PageHttp.Files().ToDictionary(file => file.Name, file => System.Text.Encoding.UTF8.GetString(file.Body));
        var page = files["index.html"];
        string[] linked = [.. Links().Matches(page).Select(match => match.Groups[1].Value)];
        Assert.That(linked.Count(link => link.StartsWith("page/")), Is.EqualTo(3));
        // The rest are paths of the protocol and places of the page itself.
        Assert.That(linked.Where(link => !link.StartsWith("page/")), Is.EquivalentTo(new[] { "v2", "#ask-title" }));
        var reached = new HashSet<string>(linked.Where(link => link.StartsWith("page/")).Select(link => link[5..])) { "index.html" };
        for (var count = 0; count < reached.Count;)
        {
            count = reached.Count;
            foreach (var name in reached.Where(name => name.EndsWith(".js")).ToList())
                reached.UnionWith(Imports().Matches(files[name]).Select(match => match.Groups[1].Value));
        }

        Assert.That(files.Keys, Is.EquivalentTo(reached), "each file is asked for, and each that is asked for is there");
        Assert.That(Inline().Matches(page).Select(match => match.Value), Is.Empty);
        foreach (var (name, text) in files)
        {
            var own = text.Replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
            Assert.That(own, Does.Not.Contain("http:").And.Not.Contain("https:"), name);
            Assert.That(text, Does.Not.Contain("innerHTML").And.Not.Contain("eval("), name);
            Assert.That(text.Split('\n').Where(line => line.Length > 140), Is.Empty, name);
        }

        // Each part that scripts ask for by its id is there, once.
        string[] ids = [.. Ids().Matches(page).Select(match => match.Groups[1].Value)];
        Assert.That(ids, Is.Unique);
        Assert.That(Parts().Matches(files["page.js"]).Select(match => match.Groups[1].Value).Distinct(), Is.SubsetOf(ids));
    }

    [Test]
    public async Task Load_TellsWhatWaitsAndRuns_OfModelsThatTakeRequests()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await using var server = await TestServer.Start(repository.Models);
        Assert.That(await server.Get("v2/load"), Is.EqualTo((200, """{"models":[]}""")));
        await repository.Models.LoadAllAsync();
        Assert.That(await server.Get("v2/load"),
            Is.EqualTo((200, """{"models":[{"name":"a","version":"1","waiting":0,"running":0}]}""")));
    }

    [Test]
    public void Configurations_HaveLabels_WhereThereAreSome()
    {
        var model = new ModelMetadata("fake", [new TensorMetadata("x", DataType.Fp32, [2])],
            [
                new TensorMetadata("mask", DataType.UInt8, [-1]) { Labels = ["none", "lung"] }, new TensorMetadata("y", DataType.Fp32, [1]),
            ]);
        var outputs = "'output':[{'name':'mask','data_type':'TYPE_UINT8','dims':[-1],'labels':['none','lung']},"
            + "{'name':'y','data_type':'TYPE_FP32','dims':[1]}]}";
        Assert.That(System.Text.Encoding.UTF8.GetString(ProtocolJson.WriteConfig(model)), Does.EndWith(outputs.Replace('\'', '"')));
        Assert.That(System.Text.Encoding.UTF8.GetString(ProtocolJson.Write(model)), Does.Not.Contain("labels"));
    }

    [GeneratedRegex("(?:href|src)=\"([^\"]+)\"")]
    private static partial Regex Links();

    [GeneratedRegex(@"import .+ from '\./([^']+)'")]
    private static partial Regex Imports();

    [GeneratedRegex(@"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=|javascript:")]
    private static partial Regex Inline();

    [GeneratedRegex("\\sid=\"([^\"]+)\"")]
    private static partial Regex Ids();

    [GeneratedRegex(@"part\('([^']+)'\)")]
    private static partial Regex Parts();
}
