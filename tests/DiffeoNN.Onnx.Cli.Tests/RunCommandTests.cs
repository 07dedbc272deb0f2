using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>What <c>run</c> writes.</summary>
[TestFixture]
public sealed class RunCommandTests
{
    [Test]
    public void Run_OfAFolder_WritesWhatTheReadmeLists()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder, 3);

        var run = Run(folder, "results", "--naive", "--batch", "2");

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("Images: 3"));
        string[] kinds = ["canonical.png", "fields.npz", "naive.png", "output.png", "panel.png"];
        foreach (var name in Directory.EnumerateFiles(folder["data/images"]).Select(file => Path.GetFileNameWithoutExtension(file)!))
            foreach (var kind in kinds)
                Assert.That(folder[$"results/{name}.{kind}"], Does.Exist);
        Assert.That(File.ReadLines(folder["results/results.jsonl"]).Count(), Is.EqualTo(3));
    }

    [Test]
    public void Run_WritesOneRecordAnImageWithEveryField()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder, 1);
        Assert.That(Run(folder, "results").Code, Is.EqualTo(ExitCode.Success));
        using var record = JsonDocument.Parse(File.ReadAllText(folder["results/results.jsonl"]));
        string[] fields =
        [
            "image", "height", "width", "files", "answer", "total", "energy", "terms", "steps", "stop", "bestStep", "accepted", "refusal",
            "maps", "inputEnergy", "start", "velocityScale", "squarings", "determinant", "foldedFraction", "inverseResidualPixels", "model",
            "device", "engine", "preset", "fields", "seed", "search", "batch", "batchMilliseconds",
        ];
        foreach (var field in fields) Assert.That(record.RootElement.TryGetProperty(field, out _), field);
        string[] terms = [.. record.RootElement.GetProperty("terms").EnumerateObject().Select(term => term.Name)];
        Assert.That(terms, Is.EqualTo(new[] { "vae", "adversarial", "smoothness", "orientation" }));
        var total = record.RootElement.GetProperty("total");
        Assert.That(total.GetProperty("after").GetDouble(), Is.LessThan(total.GetProperty("before").GetDouble()));
    }

    /// <summary>Two runs that differ say in what, by the manifest's words.</summary>
    [TestCase("torch")]
    [TestCase("onnx")]
    public void Run_RecordsHowItWasSearched(string fields)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder, 1);
        var run = Run(folder, "results", "--fields", fields, "--start", "zero", "--accept", "always", "--seed", "3");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var record = JsonNode.Parse(File.ReadAllText(folder["results/results.jsonl"]))!;
        string[] told = [.. new[] { "engine", "fields", "preset" }.Select(name => record[name]!.GetValue<string>())];
        Assert.That(told, Is.EqualTo(new[] { "onnxruntime", fields, "bundle" }));
        var search = record["search"]!.AsObject();
        Assert.That(search.Select(setting => setting.Key), Is.EqualTo(SearchSpec.Settings
            .Where(setting => setting.Name != "timeBudget").Select(setting => setting.Name)));
        Assert.That((search["start"]!.GetValue<string>(), search["steps"]!.GetValue<int>(), search["accept"]!.GetValue<string>(),
            search["seed"]!.GetValue<int>(), search["fields"]!.GetValue<string>(), search["lattice"]!.GetValue<int>()),
            Is.EqualTo(("identity", 5, "always", 3, fields, 8)));
        double Time(string stage) => record["batchMilliseconds"]![stage]!.GetValue<double>();
        Assert.That(Time("searchGraph"), fields == "onnx" ? Is.GreaterThan(0) : Is.Zero);
        Assert.That(Time("exponential"), fields == "onnx" ? Is.Zero : Is.GreaterThan(0));
    }

    [Test]
    public void Run_ByTorch_SaysSoAndAnswersAlike()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder, 2);
        Assert.That(Run(folder, "runtime").Code, Is.EqualTo(ExitCode.Success));
        var run = Run(folder, "torch", "--engine", "torch");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var output = string.Join(' ', run.Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.That(output, Does.Contain("networks in libtorch"));
        foreach (var file in Directory.EnumerateFiles(folder["runtime"], "*.output.png"))
        {
            float[] expected = ImageFile.Read(file).Data.ToArray(),
                found = ImageFile.Read(folder[$"torch/{Path.GetFileName(file)}"]).Data.ToArray();
            Assert.That(found.Zip(expected).Count(pair => pair.First != pair.Second), Is.LessThanOrEqualTo(expected.Length / 100));
        }
    }

    [Test]
    public void Run_WithFieldsByGraphs_AnswersAlike()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder, 2);
        // One of another size than the bundle's, whose answer takes the way in tiles.
        var first = Directory.EnumerateFiles(folder["data/images"]).Order().First();
        ImageFile.WritePng(first, ImageResampler.Resize(ImageFile.Read(first), 200, 90));
        foreach (var fields in new[] { "torch", "onnx" })
        {
            var run = CommandRun.Of(
                "run", "--model", Repository.Bundle("shapes"), "--input", folder["data/images"], "--output", folder[fields], "--naive",
                "--values",
                "--fields", fields, "--batch", "1");
            Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        }

        string[] names = [.. Directory.EnumerateFiles(folder["torch"]).Select(file => Path.GetFileName(file)).Order()];
        Assert.That(names.Count(name => name.EndsWith(".values.npz", StringComparison.Ordinal)), Is.EqualTo(2));
        Assert.That(Directory.EnumerateFiles(folder["onnx"]).Select(file => Path.GetFileName(file)).Order(), Is.EqualTo(names));
        foreach (var name in names.Where(
            name => name.EndsWith("output.png", StringComparison.Ordinal) || name.EndsWith("naive.png", StringComparison.Ordinal)))
        {
            var (expected, found) = (ImageFile.Read(folder[$"torch/{name}"]), ImageFile.Read(folder[$"onnx/{name}"]));
            Assert.That((found.Height, found.Width), Is.EqualTo((expected.Height, expected.Width)), name);
            Assert.That(found.Data.ToArray().Zip(expected.Data.ToArray()).Count(pair => pair.First != pair.Second),
                Is.LessThanOrEqualTo(found.Data.Length / 200), name);
        }
    }

    [Test]
    public void Run_WithTheSameSeedTwice_WritesTheSameBits()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder, 2);
        Assert.That(Run(folder, "first").Code, Is.EqualTo(ExitCode.Success));
        Assert.That(Run(folder, "second").Code, Is.EqualTo(ExitCode.Success));
        string[] names =
            [.. Directory.EnumerateFiles(folder["first"]).Select(file => Path.GetFileName(file)).Where(name => name != "results.jsonl")];
        Assert.That(names, Is.Not.Empty);
        foreach (var name in names)
            Assert.That(File.ReadAllBytes(folder[$"second/{name}"]), Is.EqualTo(File.ReadAllBytes(folder[$"first/{name}"])), name);
    }

    [TestCase(77, 200, 1)]
    [TestCase(300, 90, 3)]
    public void Run_OfAnyImageSize_AnswersAtThatSize(int height, int width, int channels)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder, 1);
        var original = Directory.EnumerateFiles(folder["data/images"]).Single();
        ImageFile.WritePng(original, ImageResampler.Resize(ImageFile.Read(original).WithChannels(channels), height, width));
        var run = Run(folder, "results");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var output = ImageFile.Read(Directory.EnumerateFiles(folder["results"], "*.output.png").Single());
        Assert.That((output.Height, output.Width), Is.EqualTo((height, width)));
        Assert.That(output.Data.ToArray().Distinct(), Is.EquivalentTo(new[] { 0f, 1f }), "a mask of both classes");
    }

    [Test]
    public void Run_WritesFieldsThatNumPyReads()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder, 1);
        Assert.That(Run(folder, "results").Code, Is.EqualTo(ExitCode.Success));
        using var archive = ZipFile.OpenRead(Directory.EnumerateFiles(folder["results"], "*.npz").Single());
        Assert.That(archive.Entries.Select(entry => entry.Name),
            Is.EqualTo(new[] { "velocity.npy", "displacement.npy", "inverse_displacement.npy" }));
        using var stream = new MemoryStream();
        using (var entry = archive.Entries[0].Open()) entry.CopyTo(stream);
        var bytes = stream.ToArray();
        var header = 10 + BitConverter.ToUInt16(bytes, 8);
        Assert.That(bytes[1..6], Is.EqualTo("NUMPY"u8.ToArray()));
        Assert.That(header % 64, Is.Zero);
        Assert.That(System.Text.Encoding.ASCII.GetString(bytes, 10, header - 10),
            Does.Contain("'shape': (2, 128, 128)").And.EndsWith("\n"));
        Assert.That(bytes.Length - header, Is.EqualTo(2 * 128 * 128 * sizeof(float)));
    }

    [Test]
    public void Run_OfUndeformedImages_LeavesThemAloneAndSaysSo()
    {
        using var folder = new TemporaryFolder();
        Assert.That(CommandRun.Of("shapes", "--output", folder["data"], "--count", "3", "--seed", "1").Code, Is.EqualTo(ExitCode.Success));
        var run = Run(folder, "results", "--naive", "--no-fields");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("Left as they are"));
        var records = File.ReadLines(folder["results/results.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        foreach (var record in records.Where(record => !record.GetProperty("accepted").GetBoolean()))
        {
            Assert.That(record.GetProperty("refusal").GetProperty("reason").GetString(), Is.AnyOf("alreadyCanonical", "notEnoughDecrease"));
            Assert.That(record.GetProperty("answer").GetRawText(), Is.EqualTo(record.GetProperty("naive").GetRawText()));
        }

        Assert.That(records.Count(record => !record.GetProperty("accepted").GetBoolean()), Is.GreaterThan(0));
        var always = Run(folder, "always", "--accept", "always", "--start", "zero", "--no-fields");
        Assert.That(always.Output, Does.Not.Contain("Left as they are"));
    }

    [Test]
    public void Run_FromAProposerThatIsNotThere_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Assert.That(CommandRun.Of("shapes", "--output", folder["data"], "--count", "1", "--seed", "1").Code, Is.EqualTo(ExitCode.Success));
        var bundle = BundleCopy.Of(Repository.Bundle("shapes"), folder["bundle"], root => root["models"]!.AsObject().Remove("proposer"));
        var run = CommandRun.Of("run", "--model", bundle, "--input", folder["data/images"], "--output", folder["results"],
            "--start", "proposer");
        run.AssertError(ExitCode.Model, "no proposer");
    }

    private static void Prepare(TemporaryFolder folder, int count)
    {
        Assert.That(CommandRun.Of("shapes", "--output", folder["originals"], "--count", $"{count}", "--seed", "77").Code,
            Is.EqualTo(ExitCode.Success));
        var deform = CommandRun.Of("deform", "--data", folder["originals"], "--output", folder["data"], "--deform",
            "tps-strong", "--seed", "3");
        Assert.That(deform.Code, Is.EqualTo(ExitCode.Success), deform.Error);
    }

    private static CommandRun Run(TemporaryFolder folder, string output, params string[] more) => CommandRun.Of(
        ["run", "--model", Repository.Bundle("shapes"), "--input", folder["data/images"], "--output", folder[output],
            "--steps", "5", .. more]);
}
