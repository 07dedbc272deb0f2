using System.IO.Compression;
using System.Text;
using System.Text.Json;
using DiffeoNN.Onnx.Imaging;
using SkiaSharp;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary><c>run</c> on folders as they are in life: broken files, other kinds, hidden files, orientations.</summary>
[TestFixture]
public sealed class RunFolderTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder()
    {
        _folder = new TemporaryFolder();
        Directory.CreateDirectory(_folder["in"]);
    }

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Run_OfAMixedFolder_ListsAllThatIsWrongAtOnceAndWritesNothing()
    {
        MakeMixed();
        var run = Run();
        run.AssertError(ExitCode.Data, "4 of 10", "bad1.png", "bad2.png", "bad3.jpg", "bad4.jpg", "--skip-bad");
        Assert.That(Directory.Exists(_folder["out"]), Is.False);
        foreach (var line in new[] { "truncated", "no complete PNG", "is empty" }) Assert.That(run.Output, Does.Contain(line));
    }

    [Test]
    public void Run_OfAMixedFolderWithSkipBad_DoesTheRest()
    {
        MakeMixed();
        var run = Run("--skip-bad");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("Skipped 4 of 10").And.Contain("bad4.jpg").And.Contain("Images: 6"));
        string[] done = [.. Records().Select(record => Path.GetFileName(record.GetProperty("image").GetString()!))];
        Assert.That(done, Is.EqualTo(new[] { "large.jpg", "ok1.png", "ok2.jpg", "ok3.bmp", "ok4.webp", "page.tif" }));
        foreach (var name in done) Assert.That(_folder[$"out/{Path.GetFileNameWithoutExtension(name)}.output.png"], Does.Exist);
        var answer = ImageFile.Check(_folder["out/large.output.png"]);
        Assert.That((answer.Height, answer.Width), Is.EqualTo((900, 1200)));
    }

    [Test]
    public void Run_WhereNothingIsUsable_SaysSoAlsoWithSkipBad()
    {
        File.WriteAllText(_folder["in/a.png"], "no image");
        File.WriteAllText(_folder["in/b.png"], "no image");
        Run("--skip-bad").AssertError(ExitCode.Data, "None of the 2 images", "a.png");
    }

    [Test]
    public void Run_CountsAndNamesWhatItDoesNotRead()
    {
        Picture("in/a.png");
        foreach (var name in new[] { "scan1.dcm", "scan2.DCM", "notes.txt", "README", ".hidden.png", "._a.png", ".DS_Store" })
            File.WriteAllText(_folder[$"in/{name}"], "x");
        Directory.CreateDirectory(_folder["in/old"]);
        Directory.CreateDirectory(_folder["in/.git"]);
        var run = Run();
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var output = string.Join(' ', run.Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.That(output,
            Does.Contain("2 .dcm files ('scan1.dcm', 'scan2.DCM')").And.Contain("1 .txt file ('notes.txt')")
                .And.Contain("1 file without extension ('README')"));
        Assert.That(output, Does.Contain("1 folder ('old')"));
        Assert.That(output, Does.Not.Contain("hidden").And.Not.Contain("._a").And.Not.Contain("DS_Store").And.Not.Contain(".git"));
        Assert.That(Records(), Has.Count.EqualTo(1));
    }

    [Test]
    public void Run_OfFilesThatWriteTheSameResults_NamesBoth()
    {
        Picture("in/a.png");
        Picture("in/a.bmp");
        Run().AssertError(ExitCode.Data, "a.png' would write the same results 'a.*' as", "a.bmp");
        var run = Run("--skip-bad");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(Records(), Has.Count.EqualTo(1));
    }

    [Test]
    public void Run_OfAFolderWithAPipe_DoesNotWaitForIt()
    {
        if (!OperatingSystem.IsLinux()) Assert.Ignore("Pipes with names are made by mkfifo.");
        Picture("in/a.png");
        Fifo.Make(_folder["in/b.png"]);
        Run().AssertError(ExitCode.Data, "b.png", "no regular file");
    }

    [Test]
    public void Run_OnOrientedImages_NotesItAndTurnsThemOnlyWhenAsked()
    {
        Picture("in/plain.png", 60, 90);
        var png = File.ReadAllBytes(_folder["in/plain.png"]);
        Jpeg("in/turned.jpg", ImageFile.Read(_folder["in/plain.png"]));
        File.WriteAllBytes(_folder["in/turned.jpg"], ExifBytes.InJpeg(File.ReadAllBytes(_folder["in/turned.jpg"]), 6));

        var run = Run();
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output,
            Does.Contain("with an EXIF orientation, but taken as stored: 1 image").And.Contain("turned.jpg").And.Contain("--auto-orient"));
        var (plain, stored) = (Records()[0], Records()[1]);
        Assert.That(plain.TryGetProperty("orientation", out _), Is.False);
        Assert.That((stored.GetProperty("height").GetInt32(), stored.GetProperty("width").GetInt32()), Is.EqualTo((60, 90)));
        Assert.That(stored.GetProperty("orientation").GetRawText(), Is.EqualTo("""{"exif":6,"applied":false}"""));

        // What a viewer shows is what a file of the turned pixels holds.
        ImageFile.WritePng(_folder["upright.png"], ImageFile.ReadOriented(_folder["in/turned.jpg"]));
        run = Run("--auto-orient");
        Assert.That(run.Output, Does.Contain("Turned as their EXIF orientation says"));
        var turned = Records()[1];
        Assert.That((turned.GetProperty("height").GetInt32(), turned.GetProperty("width").GetInt32()), Is.EqualTo((90, 60)));
        File.Copy(_folder["out/turned.output.png"], _folder["turned.png"]);
        Assert.That(CommandRun.Of("run", "--model", Repository.Bundle("shapes"), "--input", _folder["upright.png"], "--output",
            _folder["out"]).Code,
            Is.EqualTo(ExitCode.Success));
        var (found, expected) = (ImageFile.Read(_folder["turned.png"]), ImageFile.Read(_folder["out/upright.output.png"]));
        Assert.That(found.Data.ToArray().Zip(expected.Data.ToArray()).Count(pair => pair.First != pair.Second), Is.LessThanOrEqualTo(5));
        Assert.That(png, Is.EqualTo(File.ReadAllBytes(_folder["in/plain.png"])), "inputs stay");
    }

    [Test]
    public void Run_WithSeveralPages_SaysThatTheFirstIsTaken()
    {
        File.WriteAllBytes(_folder["in/a.tif"], new TiffBytes(40, 40, 1, 8, new int[1600]) { Pages = 3 }.Encode());
        var run = Run();
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("several pages").And.Contain("'a.tif'"));
    }

    [Test]
    public void Run_WithValues_WritesProbabilitiesWhole()
    {
        Picture("in/a.png", 50, 70);
        Assert.That(Run("--values", "--naive").Code, Is.EqualTo(ExitCode.Success));
        var arrays = ReadNumpy(_folder["out/a.values.npz"]);
        Assert.That(arrays.Keys, Is.EqualTo(new[] { "probabilities", "naive_probabilities" }));
        Assert.That(Records()[0].GetProperty("files").GetProperty("values").GetString(), Is.EqualTo("a.values.npz"));
        foreach (var (name, picture) in new[] { ("probabilities", "output"), ("naive_probabilities", "naive") })
        {
            var (shape, values) = arrays[name];
            Assert.That(shape, Is.EqualTo("(2, 50, 70)"));
            var mask = ImageFile.Read(_folder[$"out/a.{picture}.png"]).Data.ToArray();
            for (var i = 0; i < mask.Length; i++)
            {
                Assert.That(values[i] + values[mask.Length + i], Is.EqualTo(1).Within(1e-5));
                Assert.That(mask[i], Is.EqualTo(values[mask.Length + i] > values[i] ? 1f : 0f));
            }
        }
    }

    [Test]
    public void Run_OfAClassifierWithValues_WritesScores()
    {
        Picture("in/a.png", 28, 28);
        var run = CommandRun.Of("run", "--model", Repository.Bundle("genus"), "--input", _folder["in"], "--output", _folder["out"],
            "--values", "--no-fields");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var (shape, values) = ReadNumpy(_folder["out/a.values.npz"])["scores"];
        float[] scores = [.. Records()[0].GetProperty("answer").GetProperty("scores").EnumerateArray().Select(score => score.GetSingle())];
        Assert.That(shape, Is.EqualTo($"({scores.Length},)"));
        Assert.That(values, Is.EqualTo(scores).Within(1e-6));
    }

    [Test]
    public void Run_OfAClassifier_CountsClassesAndWhatTheNetworkAloneSaysOtherwise()
    {
        for (var i = 0; i < 3; i++) Picture($"in/{i}.png", 28, 28, i);
        string[] options =
            ["run", "--model", Repository.Bundle("genus"), "--input", _folder["in"], "--output", _folder["out"], "--no-fields"];
        var run = CommandRun.Of([.. options, "--naive"]);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        int Class(JsonElement record, string answer) => record.GetProperty(answer).GetProperty("class").GetInt32();
        string Name(JsonElement answer) =>
            answer.TryGetProperty("className", out var name) ? name.GetString()! : $"class {answer.GetProperty("class")}";
        var classes = Records().OrderBy(record => Class(record, "answer")).Select(record => Name(record.GetProperty("answer")))
            .CountBy(name => name).OrderByDescending(pair => pair.Value).Select(pair => $"{pair.Key} {pair.Value}");
        var changed = Records().Count(record => Class(record, "answer") != Class(record, "naive"));
        var told = $"Answers (each in results.jsonl): {string.Join(", ", classes)}";
        Assert.That(run.Output.ReplaceLineEndings(" "), Does.Contain($"{told}; {changed} of 3 otherwise than by the network alone."));
        Assert.That(CommandRun.Of(options).Output.ReplaceLineEndings(" "), Does.Contain($"{told}."));
        Assert.That(Directory.EnumerateFiles(_folder["out"], "*.output.png"), Is.Empty);
    }

    [Test]
    public void Run_SaysWhatHappened()
    {
        for (var i = 0; i < 2; i++) Picture($"in/{i}.png", 128, 128, i);
        var run = Run("--accept", "always", "--passes", "2", "--average", "true");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var output = string.Join(' ', run.Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        double[] inputs = [.. Records().Select(record => record.GetProperty("inputEnergy").GetDouble())];
        double[] finals = [.. Records().Select(record => record.GetProperty("energy").GetProperty("after").GetDouble())];
        Assert.That(output, Does.Contain($"energy of the input │ {Fixed(inputs.Average())} │ {Fixed(inputs.Max())}"));
        Assert.That(output, Does.Contain($"energy of the image used │ {Fixed(finals.Average())} │ {Fixed(finals.Max())}"));
        Assert.That(output, Does.Contain("Maps used: 2 of 2 (proposal used as it is 2); answers are the mean over 2 maps."));
        Assert.That(output, Does.Not.Contain("converged"), "nothing was searched for");
        var searched = Run("--accept", "always", "--start", "zero", "--steps", "3");
        Assert.That(searched.Output, Does.Contain("found by a search").And.Contain("Searches: 2, of which"));
    }

    private static string Fixed(double value) => value.ToString("F2", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Ten files: four broken, one TIFF, one large.</summary>
    private void MakeMixed()
    {
        Picture("in/ok1.png");
        Jpeg("in/ok2.jpg", Image(120, 90, 2));
        Encoded("in/ok4.webp", Image(60, 60, 4), SKEncodedImageFormat.Webp);
        File.WriteAllBytes(_folder["in/ok3.bmp"], Bmp(50, 40));
        Jpeg("in/large.jpg", Image(900, 1200, 5));
        File.WriteAllBytes(_folder["in/page.tif"],
            new TiffBytes(64, 64, 1, 16, [.. Enumerable.Range(0, 4096).Select(i => i * 16)]) { Compression = 5 }.Encode());
        byte[] png = File.ReadAllBytes(_folder["in/ok1.png"]), jpeg = File.ReadAllBytes(_folder["in/large.jpg"]);
        File.WriteAllBytes(_folder["in/bad1.png"], png[..(png.Length / 2)]);
        File.WriteAllText(_folder["in/bad2.png"], "no image");
        File.WriteAllBytes(_folder["in/bad3.jpg"], []);
        File.WriteAllBytes(_folder["in/bad4.jpg"], jpeg[..(jpeg.Length / 3)]);
    }

    private CommandRun Run(params string[] more) =>
        CommandRun.Of(
            ["run", "--model", Repository.Bundle("shapes"), "--input", _folder["in"], "--output", _folder["out"], "--no-fields", .. more]);

    private List<JsonElement> Records() =>
        [.. File.ReadLines(_folder["out/results.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement)];

    private void Picture(string name, int height = 64, int width = 64, int seed = 1)
    {
        ImageFile.WritePng(_folder["picture.png"], Image(height, width, seed));
        File.Move(_folder["picture.png"], _folder[name]);
    }

    private void Jpeg(string name, ImageBuffer image) => Encoded(name, image, SKEncodedImageFormat.Jpeg);

    private void Encoded(string name, ImageBuffer image, SKEncodedImageFormat format)
    {
        ImageFile.WritePng(_folder["picture.png"], image);
        using var bitmap = SKBitmap.Decode(_folder["picture.png"]);
        using var stream = File.Create(_folder[name]);
        bitmap.Encode(stream, format, 95);
        File.Delete(_folder["picture.png"]);
    }

    private static ImageBuffer Image(int height, int width, int seed) =>
        ImageResampler.Resize(Shapes.ShapesGenerator.Generate(11, seed).Image, height, width);

    private static byte[] Bmp(int width, int height)
    {
        var stride = ((width * 3) + 3) / 4 * 4;
        var bytes = new byte[54 + (stride * height)];
        using var writer = new BinaryWriter(new MemoryStream(bytes));
        writer.Write("BM"u8);
        foreach (var value in new[] { bytes.Length, 0, 54, 40, width, height }) writer.Write(value);
        writer.Write((short)1);
        writer.Write((short)24);
        for (var i = 54; i < bytes.Length; i++) bytes[i] = (byte)(i * 7);
        return bytes;
    }

    private static Dictionary<string, (string Shape, float[] Values)> ReadNumpy(string path)
    {
        using var archive = ZipFile.OpenRead(path);
        var arrays = new Dictionary<string, (string Shape, float[] Values)>();
        foreach (var entry in archive.Entries)
        {
            using var content = new MemoryStream();
            using (var stream = entry.Open()) stream.CopyTo(content);
            var bytes = content.ToArray();
            var start = 10 + BitConverter.ToUInt16(bytes, 8);
            var header = Encoding.ASCII.GetString(bytes, 10, start - 10);
            var values = new float[(bytes.Length - start) / 4];
            Buffer.BlockCopy(bytes, start, values, 0, values.Length * 4);
            var from = header.IndexOf("'shape': ", StringComparison.Ordinal) + 9;
            arrays[Path.GetFileNameWithoutExtension(entry.Name)] = (header[from..(header.IndexOf(')', from) + 1)], values);
        }

        return arrays;
    }
}
