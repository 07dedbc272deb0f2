using System.Security.Cryptography.X509Certificates;
using DiffeoNN.Onnx.Client;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The client package against a server of a real bundle: what it says is what the library computes.</summary>
[NonParallelizable]
public sealed class ClientTests
{
    private static readonly ExecutionOptions Cpu = new() { Device = ExecutionDevice.Cpu };

    private TemporaryFolder _folder = null!;
    private ModelRepository _models = null!;
    private TestServer _server = null!;
    private DiffeoClient _client = null!;
    private byte[][] _files = null!;

    [OneTimeSetUp]
    public async Task Serve()
    {
        _folder = new TemporaryFolder();
        var options = new ServingOptions { Execution = Cpu };
        Directory.CreateSymbolicLink(_folder["shapes"], Checkout.Bundle("shapes"));
        PlainModelTests.SumAndDifference().Save(_folder["plain.onnx"]);
        _files = [.. new long[] { 1, 2 }.Select(Png)];
        _models = new ModelRepository(_folder.Path, options);
        await _models.LoadAllAsync();
        _server = await TestServer.Start(_models, options);
        _client = new DiffeoClient(_server.Http);

        byte[] Png(long index)
        {
            using var folder = new TemporaryFolder();
            ImageFile.WritePng(folder["image.png"], BundleModelTests.Image(index));
            return File.ReadAllBytes(folder["image.png"]);
        }
    }

    [OneTimeTearDown]
    public async Task End()
    {
        _client.Dispose();
        await _server.DisposeAsync();
        await _models.DisposeAsync();
        Directory.Delete(_folder["shapes"]);
        _folder.Dispose();
    }

    [Test]
    public async Task Infer_OfFiles_GivesWhatTheLibraryDoes()
    {
        using var library = EquivariantModel.Load(
            Checkout.Bundle("shapes"), new EquivariantOptions { Execution = Cpu, Steps = 3, Seed = 5, Accept = AcceptanceRule.Always });
        var settings = new RequestSettings
        {
            Steps = 3, Seed = 5, Accept = "always", Outputs =
            [
                "mask", "probabilities", "canonical", "displacement", "inverse", "energy_before", "energy_after", "accepted", "refusal",
                "steps", "stop", "determinant", "residual",
            ],
        };

        var answers = await _client.InferAsync("shapes", [_files[0], _files[1]], settings);

        Assert.That(answers, Has.Count.EqualTo(2));
        for (var i = 0; i < 2; i++)
        {
            using var stream = new MemoryStream(_files[i]);
            using var run = library.Run([ImageFile.Read(stream)]);
            var (found, answer) = (run.Images[0], answers[i]);
            var labels = found.Output.Labels!;
            Assert.That(answer.Mask!.Shape, Is.EqualTo(new[] { labels.Height, labels.Width }));
            Assert.That(answer.Mask.Values.ToArray(), Is.EqualTo(labels.Labels.ToArray()));
            Assert.That(answer.Mask[3, 5], Is.EqualTo(labels.Labels[(3 * labels.Width) + 5]));
            Assert.That(answer.Probabilities!.Values.ToArray(), Is.EqualTo(found.Output.Planes!.Data.ToArray()));
            Assert.That(answer.Canonical!.Values.ToArray(), Is.EqualTo(found.Canonical.Data.ToArray()));
            Assert.That(answer.Displacement!.Values.ToArray(), Is.EqualTo(run.Fields.Displacement.data<float>().ToArray()));
            Assert.That(answer.Inverse!.Values.ToArray(), Is.EqualTo(run.Fields.InverseDisplacement.data<float>().ToArray()));
            var search = found.Canonicalisation;
            Assert.That((answer.EnergyBefore, answer.EnergyAfter),
                Is.EqualTo(((double?)search.InputEnergy, (double?)search.CanonicalEnergy)));
            Assert.That((answer.Accepted, answer.Refusal, answer.Steps, answer.Stop, answer.Version, answer.IsBestAtTimeout),
                Is.EqualTo(((bool?)search.Accepted, search.Refusal?.Text ?? "", (int?)search.Steps, search.Stop.ToString(), "1", false)));
            Assert.That((answer.Determinant, answer.Residual), Is.EqualTo(
                ((double?)search.Diagnostics.MinimumDeterminant, (double?)search.Diagnostics.InverseResidualMaximum)));
        }
    }

    [Test]
    public async Task Infer_OfOneFile_HasTheUsualOutputsAndNoOthers()
    {
        var answer = await _client.InferAsync("shapes", _files[0], new RequestSettings { Steps = 2, Version = "1" });
        Assert.That(answer.Mask!.Shape, Is.EqualTo(new[] { 64, 64 }));
        Assert.That((answer.EnergyBefore, answer.Accepted, answer.Refusal), Is.Not.EqualTo(((double?)null, (bool?)null, (string?)null)));
        Assert.That(new object?[]
        {
            answer.Probabilities, answer.Scores, answer.Numbers, answer.Planes, answer.Points, answer.Boxes, answer.Classes,
            answer.Canonical, answer.Displacement, answer.Inverse,
        }, Is.All.Null);
        Assert.That(() => answer.Mask[64, 0],
            Throws.ArgumentException.With.Message.Contains("Index 64 is outside dimension 0, which has 64."));
        Assert.That(() => answer.Mask[1], Throws.ArgumentException.With.Message.Contains("1 indices for an array of 2 dimensions."));
        Assert.That(() => answer.Array<float>("mask"), Throws.InvalidOperationException.With.Message.EqualTo(
            "Tensor 'mask' is UINT8, not of Single."));
    }

    [Test]
    public async Task BestAtTimeout_IsFlagged_AndATimeoutWithoutItIsAnError()
    {
        var settings = new RequestSettings { Steps = 1000, Start = "zero", Timeout = TimeSpan.FromMilliseconds(150), Accept = "always" };
        var best = await _client.InferAsync("shapes", _files[0], settings with { TakesBestAtTimeout = true, Priority = 1 });
        Assert.That((best.IsBestAtTimeout, best.Steps < 1000), Is.EqualTo((true, true)));
        var error = (await Assert.ThrowsAsync<ServerErrorException>(() => _client.InferAsync("shapes", _files[0], settings)))!;
        Assert.That(((int?)error.Status, error.IsTemporary), Is.EqualTo(((int?)504, false)));
    }

    [Test]
    public async Task Models_AreDescribedAndReady()
    {
        var plain = await _client.DescribeAsync("plain");
        Assert.That((plain.Name, plain.Platform, string.Join(',', plain.Versions)), Is.EqualTo(("plain", "onnxruntime_onnx", "1")));
        Assert.That(plain.Inputs.Select(input => $"{input.Name} {input.Datatype} {string.Join(',', input.Shape)}"),
            Is.EqualTo(new[] { "a FP32 -1,2", "b FP32 -1,2" }));
        Assert.That((await _client.IsReadyAsync(), await _client.IsReadyAsync("shapes"), await _client.IsReadyAsync("circles")),
            Is.EqualTo((true, true, false)));
    }

    [Test]
    public async Task TheReadmesFirstExample_Runs()
    {
        using var folder = new TemporaryFolder();
        var (before, image) = (Environment.CurrentDirectory, _files[0]);
        File.WriteAllBytes(folder["image.png"], image);
        Environment.CurrentDirectory = folder.Path;
        try
        {
            var client = _client;
            // <example>
            var answer = await client.InferAsync("shapes", await File.ReadAllBytesAsync("image.png"));

            Console.WriteLine($"class of the first pixel: {answer.Mask![0, 0]}");
            Console.WriteLine($"energy {answer.EnergyBefore:F2} -> {answer.EnergyAfter:F2} in {answer.Steps} steps");
            Console.WriteLine(answer.Accepted == true ? "the map was used" : $"the map was not used: {answer.Refusal}");
            // </example>
            Assert.That(answer.EnergyAfter, Is.LessThanOrEqualTo(answer.EnergyBefore!.Value));
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    [Test]
    public async Task TheReadmesOtherExamples_Run()
    {
        var (client, image, cancellationToken) = (_client, _files[0], CancellationToken.None);
        {
            // <example>
            var settings = new RequestSettings
            {
                Outputs = ["mask", "probabilities", "displacement", "determinant"], Steps = 40, Seed = 1, Timeout = TimeSpan.FromSeconds(2),
                TakesBestAtTimeout = true, Priority = 1,
            };
            var answer = await client.InferAsync("shapes", image, settings, cancellationToken);
            // </example>
            Assert.That((answer.Displacement!.Shape[0], answer.EnergyBefore), Is.EqualTo((2, (double?)null)));
        }

        // <example>
        var sums = await client.InferAsync("plain", [WireTensor.Of<float>("a", [1, 2], [1, 2]), WireTensor.Of<float>("b", [1, 2], [3, 4])]);
        Console.WriteLine(string.Join(' ', sums["sum"].As<float>().ToArray()));
        // </example>
        Assert.That(sums["sum"].As<float>().ToArray(), Is.EqualTo(new float[] { 4, 6 }));
        Assert.That(() => sums["product"], Throws.ArgumentException.With.Message.Contains("Outputs: sum, difference."));
    }

    [Test]
    public async Task TheReadmesExampleOfAnAuthority_IsTrustedAndSendsTheKey()
    {
        using var folder = new TemporaryFolder();
        ClientErrorTests.WriteCertificate(folder["ca.pem"], folder["server.key"]);
        File.WriteAllText(folder["keys"], "alpha\n");
        PlainModelTests.SumAndDifference().Save(Path.Combine(Directory.CreateDirectory(folder["models"]).FullName, "plain.onnx"));
        await using var server = new InferenceServer(new ServerOptions
        {
            Models = folder["models"], Http = 0, Grpc = -1, Metrics = -1, Drain = TimeSpan.Zero, IsQuiet = true,
            Certificate = folder["ca.pem"], CertificateKey = folder["server.key"], KeyFile = folder["keys"],
            Serving = new ServingOptions { Execution = Cpu },
        });
        await server.StartAsync();
        var (address, key) = (new Uri($"https://localhost:{server.Addresses.Http!.Port}/"), "alpha");
        var before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = folder.Path;
        try
        {
            // <example>
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile("ca.pem");
            var policy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck,
            };
            policy.CustomTrustStore.AddRange(authorities);
            using var handler = new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = policy } };
            using var http = new HttpClient(handler) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };
            http.DefaultRequestHeaders.Authorization = new("Bearer", key);
            using var client = new DiffeoClient(http);
            // </example>
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            while (!await client.IsReadyAsync(cancellationToken: limit.Token)) await Task.Delay(20, limit.Token);
            Assert.That((await client.DescribeAsync("plain")).Name, Is.EqualTo("plain"));
            http.DefaultRequestHeaders.Authorization = null;
            Assert.That((await Assert.ThrowsAsync<ServerErrorException>(() => client.DescribeAsync("plain")))!.Status,
                Is.EqualTo(System.Net.HttpStatusCode.Unauthorized));
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    [Test]
    public void Examples_AreTheReadmesOwn()
    {
        var readme = Plain(File.ReadAllText(Path.Combine(Checkout.Root, "src", "DiffeoNN.Onnx.Client", "README.md")));
        var source = File.ReadAllText(Path.Combine(Checkout.Root, "tests", "DiffeoNN.Onnx.Serving.Tests", "ClientTests.cs"));
        string[] examples = [.. source.Split("// <example>\n").Skip(1)
            .Where(part => part.Contains("// </example>\n", StringComparison.Ordinal)).Select(part => part.Split("// </example>\n")[0])];
        Assert.That(examples, Has.Length.EqualTo(4));
        foreach (var example in examples) Assert.That(readme, Does.Contain(Plain(example)));

        static string Plain(string text) =>
            string.Join('\n', text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
    }

    [Test]
    public void TheClient_NeedsNothingOfOurs() => Assert.That(
        typeof(DiffeoClient).Assembly.GetReferencedAssemblies().Select(needed => needed.Name!), Is.All.StartsWith("System"));
}
