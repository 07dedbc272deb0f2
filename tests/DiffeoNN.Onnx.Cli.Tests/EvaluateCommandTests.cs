using System.Text.Json;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>What <c>evaluate</c> writes, and what it says of bad data.</summary>
[TestFixture]
public sealed class EvaluateCommandTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Evaluate_OfShapes_WritesWhatTheReadmeLists()
    {
        var run = Evaluate("shapes", "out", "--count", "4", "--batch", "3", "--panels", "2", "--deform", "tps-strong", "--steps", "5",
            "--seed", "11");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        foreach (var part in new[] { "shapes: 4 images", "clean", "naive", "diffeonn", "Gap closed", "Energy gap" })
            Assert.That(run.Output, Does.Contain(part));
        foreach (var file in new[] { "summary.json", "samples.csv", "boxplot.png" }) Assert.That(_folder[$"out/{file}"], Does.Exist);
        string[] panels = [.. Directory.EnumerateFiles(_folder["out/panels"])
            .Select(file => Path.GetFileName(file)[..^"-shape-00000.png".Length]).Order()];
        Assert.That(panels, Is.EqualTo(new[] { "best-01", "best-02", "median-01", "median-02", "worst-01", "worst-02" }));

        var rows = File.ReadAllLines(_folder["out/samples.csv"]);
        Assert.That(rows, Has.Length.EqualTo(5));
        Assert.That(rows[0], Does.StartWith("index,name,cleanIou,cleanDice,cleanAccuracy,naiveIou"));
        Assert.That(rows[0], Does.EndWith(
            "steps,bestStep,stop,accepted,refusal,folded,minimumDeterminant,maximumDeterminant,inverseResidualPixels,"
            + "inverseResidualMeanPixels,energyGap,equivarianceError"));
        using var summary = JsonDocument.Parse(File.ReadAllText(_folder["out/summary.json"]));
        var root = summary.RootElement;
        Assert.That(root.GetProperty("data").GetString(), Is.EqualTo("shapes"));
        Assert.That(root.GetProperty("split").GetString(), Is.EqualTo("test"));
        Assert.That(root.GetProperty("deform").GetString(), Is.EqualTo("tps-strong"));
        Assert.That(root.GetProperty("seed").GetInt32(), Is.EqualTo(11));
        Assert.That(root.GetProperty("count").GetInt32(), Is.EqualTo(4));
        Assert.That(root.GetProperty("search").GetProperty("steps").GetInt32(), Is.EqualTo(5));
        Assert.That(root.GetProperty("search").GetProperty("start").GetString(), Is.EqualTo("proposer"));
        var column = Array.IndexOf(rows[0].Split(','), "diffeonnIou");
        var mean = rows.Skip(1).Average(row => double.Parse(row.Split(',')[column]));
        Assert.That(root.GetProperty("methods").GetProperty("diffeonn").GetProperty("iou").GetProperty("mean").GetDouble(),
            Is.EqualTo(mean).Within(1e-12));
    }

    [Test]
    public void Evaluate_OfAgreement_NeedsNoMasksAndSaysWhatItCompares()
    {
        ShapesDataSet.Write(_folder["made"], 3, 1, 128);
        foreach (var file in Directory.GetFiles(_folder["made/images"]))
        {
            Directory.CreateDirectory(_folder["data/some/class"]);
            File.Move(file, Path.Combine(_folder["data/some/class"], Path.GetFileName(file)));
        }

        var run = Evaluate(_folder["data"], "out", "--agreement", "--steps", "2", "--panels", "1", "--no-invariance");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("Scores: agreement with the network's own answers on undeformed images"));
        using var summary = JsonDocument.Parse(File.ReadAllText(_folder["out/summary.json"]));
        var root = summary.RootElement;
        Assert.That(root.GetProperty("reference").GetString(), Is.EqualTo("agreement"));
        Assert.That(root.GetProperty("methods").GetProperty("clean").GetProperty("iou").GetProperty("mean").GetDouble(), Is.EqualTo(1));
        Assert.That(root.GetProperty("count").GetInt32(), Is.EqualTo(3));
        Assert.That(File.ReadAllText(_folder["out/samples.csv"]), Does.Contain("0,some/class/"));
        var refused = Evaluate(_folder["data"], "out", "--agreement", "--split", "val");
        Assert.That(refused.Code, Is.EqualTo(ExitCode.Data), refused.Output);
        Assert.That(refused.Error, Does.Contain("images without split.csv have neither splits nor sources"));
    }

    [Test]
    public void Evaluate_WithThePublishedPreset_SaysSoAndLeavesTheBundlesSettingsOut()
    {
        var run = Evaluate("shapes", "out", "--count", "1", "--panels", "0", "--steps", "1", "--no-invariance", "--deform", "none",
            "--preset", "published");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("Settings as published"));
        string[][] rows = [.. File.ReadAllLines(_folder["out/samples.csv"]).Select(row => row.Split(','))];
        Assert.That(rows[1][Array.IndexOf(rows[0], "accepted")], Is.EqualTo("1"), "an image that the bundle would leave alone");
        var energy = double.Parse(rows[1][Array.IndexOf(rows[0], "energyBefore")]);
        Assert.That(energy, Is.GreaterThan(0).And.LessThan(10), "weights a hundred times smaller than the bundle's");
    }

    [Test]
    public void Evaluate_WhereCanonicalisationHurts_SaysSoAndWhatToDo()
    {
        var bundle = BundleCopy.Of(Repository.Bundle("shapes"), _folder["bundle"], root => root.AsObject().Remove("acceptance"));
        string[] options = ["--count", "6", "--batch", "6", "--panels", "0", "--deform", "none", "--no-invariance"];
        var harm = CommandRun.Of([.. Arguments(bundle, "shapes", "out"), .. options, "--accept", "always"]);
        Assert.That(harm.Code, Is.EqualTo(ExitCode.Success), harm.Error);
        Assert.That(harm.Output,
            Does.Contain("Canonicalisation hurts here: mean IoU 0.").And.Contain("diffeonn tune chooses when a map is used"));
        var safe = CommandRun.Of([.. Arguments(bundle, "shapes", "out"), .. options]);
        Assert.That(safe.Output, Does.Not.Contain("hurts here"), "what counts until somebody tunes");
        Assert.That(safe.Output, Does.Contain("Not tuned: the manifest has no acceptance"));
    }

    [Test]
    public void Evaluate_WithTheSameSeedTwice_WritesTheSameBits()
    {
        string[] options = ["--count", "2", "--steps", "3", "--panels", "1"];
        Assert.That(Evaluate("shapes", "first", options).Code, Is.EqualTo(ExitCode.Success));
        Assert.That(Evaluate("shapes", "second", options).Code, Is.EqualTo(ExitCode.Success));
        foreach (var file in new[] { "samples.csv", "boxplot.png" })
            Assert.That(File.ReadAllBytes(_folder[$"second/{file}"]), Is.EqualTo(File.ReadAllBytes(_folder[$"first/{file}"])), file);
    }

    [Test]
    public void Evaluate_Again_ReplacesPanels()
    {
        Assert.That(Evaluate("shapes", "out", "--count", "3", "--steps", "0", "--panels", "3").Code, Is.EqualTo(ExitCode.Success));
        File.WriteAllText(_folder["out/panels/notes.txt"], "stays");
        Assert.That(Evaluate("shapes", "out", "--count", "1", "--steps", "0").Code, Is.EqualTo(ExitCode.Success));
        Assert.That(Directory.EnumerateFiles(_folder["out/panels"]).Count(), Is.EqualTo(4), "one image in three groups, and the notes");
    }

    [Test]
    public void Evaluate_ScoresLabelsAsTheyAreStored_InEveryDepth()
    {
        var expected = Clean(PlainPng.Grey8, (value, _) => value);
        Assert.That(expected, Is.GreaterThan(0.5));
        Assert.That(Clean(PlainPng.Grey8, (value, _) => value / 255), Is.EqualTo(expected), "0 and 1");
        Assert.That(Clean(PlainPng.Grey16, (value, _) => value / 255), Is.EqualTo(expected), "0 and 1 in 16 bits");
        Assert.That(Clean(PlainPng.Grey16, (value, _) => value), Is.EqualTo(expected), "0 and 255 in 16 bits");
        Assert.That(Clean(PlainPng.Grey16, (value, _) => value * 257), Is.EqualTo(expected), "0 and 65535");
        Assert.That(Clean(PlainPng.Indexed, (value, _) => value / 255), Is.EqualTo(expected), "indices");
        Assert.That(Clean(PlainPng.Grey8, (value, i) => i < 128 ? 255 : value / 255), Is.EqualTo(expected), "a row to ignore");

        double Clean(int kind, Func<int, int, int> stored)
        {
            using var data = new TemporaryFolder();
            ShapesDataSet.Write(data.Path, 2, 1, 128);
            foreach (var mask in Directory.GetFiles(data["masks"]))
            {
                int[] values = [.. ImageFile.Read(mask).Data.ToArray().Select((value, i) => stored((int)MathF.Round(value * 255), i))];
                File.WriteAllBytes(mask, PlainPng.Encode(128, 128, kind, values));
            }

            var run = Evaluate(data.Path, "out", "--split", "train", "--deform", "none", "--steps", "0", "--panels", "1",
                "--no-invariance");
            Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
            using var summary = JsonDocument.Parse(File.ReadAllText(_folder["out/summary.json"]));
            return summary.RootElement.GetProperty("methods").GetProperty("clean").GetProperty("iou").GetProperty("mean").GetDouble();
        }
    }

    [TestCase("a.png' has no mask", 1)]
    [TestCase("b.png' is 64x64 pixels", 2)]
    [TestCase("c.png", 3)]
    [TestCase("d.png' holds the label 7", 4)]
    public void Evaluate_OfBadData_SaysSoAndWritesNothing(string message, int kind)
    {
        WriteBadData(kind);
        Evaluate(_folder["data"], "out").AssertError(ExitCode.Data, message, "--skip-bad leaves out what cannot be used.");
        Assert.That(Directory.Exists(_folder["out"]), Is.False, "results were written");
    }

    [Test]
    public void Evaluate_WithSkipBad_GoesOnAndCounts()
    {
        for (var kind = 1; kind <= 4; kind++) WriteBadData(kind);
        var run = Evaluate(_folder["data"], "out", "--skip-bad", "--steps", "0", "--panels", "0");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        foreach (var part in new[] { "Skipped 4 of 5:", "a.png' has no mask", "d.png' holds the label 7" })
            Assert.That(run.Output, Does.Contain(part));
        var rows = File.ReadAllLines(_folder["out/samples.csv"]);
        Assert.That(rows, Has.Length.EqualTo(2));
        Assert.That(rows[1], Does.StartWith("4,e.png,"));
        Assert.That(Directory.Exists(_folder["out/panels"]), Is.False);
    }

    [Test]
    public void Evaluate_OfAMalformedList_SaysSo_OrGoesOnAndCounts()
    {
        WriteBadData(1);
        File.WriteAllText(_folder["data/split.csv"], "name,split,source\nb.png,test,x\nc.png,test\na.png,test,x\n");
        Evaluate(_folder["data"], "out").AssertError(ExitCode.Data, "split.csv' line 3 has 2 fields");
        Assert.That(Directory.Exists(_folder["out"]), Is.False);
        var run = Evaluate(_folder["data"], "out", "--skip-bad", "--steps", "0", "--panels", "0");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        foreach (var part in new[] { "Skipped 2 of 3:", "line 3 has 2 fields", "a.png' has no mask" })
            Assert.That(run.Output, Does.Contain(part));
        Assert.That(File.ReadAllLines(_folder["out/samples.csv"])[1], Does.StartWith("0,b.png,"));
    }

    [Test]
    public void ImagesOfChannelsTheBundleCannotTake_AreAnErrorOfTheData()
    {
        WriteBadData(1);
        var bundle = Path.Combine(Repository.Root, "tests/DiffeoNN.Onnx.Tests/Energies/Fixtures/tiny");
        CommandRun.Of("run", "--model", bundle, "--input", _folder["data/images"], "--output", _folder["out"])
            .AssertError(ExitCode.Data, "An image has 1 channels, and bundle 'tiny' takes 2");
        CommandRun.Of(Arguments(bundle, _folder["data"], "out")).AssertError(
            ExitCode.Data, "a.png' has 1 channels, and the bundle takes 2");
    }

    [Test]
    public void Evaluate_OfAnEmptySplit_ListsWhatThereIs()
    {
        ShapesDataSet.Write(_folder["data"], 2, 1, 32);
        Evaluate(_folder["data"], "out").AssertError(
            ExitCode.Data, "no image of split 'test'. Splits: 'train'.", "Take another one, for instance by --split train.");
        Evaluate(_folder["data"], "out", "--split", "train", "--source", "moon").AssertError(ExitCode.Data, "source 'moon'");
        Evaluate("shapes", "out", "--split", "exam").AssertError(
            ExitCode.Data, "no image of split 'exam'. Splits: 'train', 'val', 'test'. Sources: 'shapes'.");
        Assert.That(Directory.Exists(_folder["out"]), Is.False);
    }

    [Test]
    public void Evaluate_OfDataThatDoesNotFit_SaysSo()
    {
        Evaluate(_folder["nowhere"], "out").AssertError(ExitCode.Data, "nowhere", "does not exist");
        Directory.CreateDirectory(_folder["empty"]);
        Evaluate(_folder["empty"], "out").AssertError(ExitCode.Data, "neither images/ nor");
        ShapesDataSet.Write(_folder["shapes"], 1, 1, 32);
        Evaluate(_folder["shapes/images"], "out").AssertError(
            ExitCode.Data, "holds images without the truth about them; the answers of a segmentation are compared with masks/, beside a "
            + "folder images/ that the images belong into. Give --agreement to compare with the network's own answers");
        Directory.Delete(_folder["shapes/masks"], recursive: true);
        Evaluate(_folder["shapes"], "out").AssertError(ExitCode.Data, "has no folder masks/", "Give --agreement to compare");
        WriteDigits(2);
        Evaluate(_folder["digits"], "out").AssertError(ExitCode.Data, "digits", "segmentation");
    }

    [Test]
    public void Evaluate_IntoAFile_CannotWrite()
    {
        File.WriteAllText(_folder["out"], "in the way");
        Evaluate("shapes", "out", "--count", "1").AssertError(ExitCode.Output, "out");
    }

    [Test]
    public void Evaluate_WhenCancelled_WritesNoSummary()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        CommandRun.Of(cancelled.Token, Arguments(Repository.Bundle("shapes"), "shapes", "out", "--count", "1"))
            .AssertError(ExitCode.Cancelled);
        Assert.That(_folder.Files(), Is.Empty);
    }

    [TestCase("--deform", "melt")]
    [TestCase("--count", "0")]
    [TestCase("--panels", "-1")]
    [TestCase("--start", "somewhere")]
    [TestCase("--preset", "paper")]
    public void Evaluate_WithWrongOptions_IsAUsageError(params string[] options) =>
        Evaluate("shapes", "out", options).AssertError(ExitCode.Usage);

    [Test]
    public void Evaluate_OfDigits_ScoresTheGenus()
    {
        var bundle = Classifier();
        WriteDigits(2);
        var run = CommandRun.Of(Arguments(bundle, _folder["digits"], "out", "--steps", "1", "--panels", "1", "--no-invariance"));
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(File.ReadAllLines(_folder["out/samples.csv"])[0],
            Does.StartWith("index,name,label,cleanClass,cleanAccuracy,cleanProbability,naiveClass"));
        using var summary = JsonDocument.Parse(File.ReadAllText(_folder["out/summary.json"]));
        var naive = summary.RootElement.GetProperty("methods").GetProperty("naive");
        Assert.That(naive.EnumerateObject().Select(property => property.Name), Is.EqualTo(new[] { "accuracy" }));
        Assert.That(summary.RootElement.GetProperty("energyGap").ValueKind, Is.EqualTo(JsonValueKind.Null));

        WriteDigits(3);
        CommandRun.Of(Arguments(bundle, _folder["digits"], "other")).AssertError(ExitCode.Data, "item 2 has 2 holes", "end at 1");
    }

    [TestCase("tps")]
    [TestCase("none")]
    public void Evaluate_OfLungs_BeatsTheNetworkAloneOrDoesNoHarm(string deform)
    {
        var lungs = Repository.Shared("data/lungs");
        var run = CommandRun.Of(Arguments(
            Repository.Bundle("lungs"), lungs, "out", "--source", "kermany-normal", "--count", "3", "--deform", deform, "--panels", "0",
            "--no-invariance", "--seed", "2026"));
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        using var summary = JsonDocument.Parse(File.ReadAllText(_folder["out/summary.json"]));
        double Iou(string method) =>
            summary.RootElement.GetProperty("methods").GetProperty(method).GetProperty("iou").GetProperty("mean").GetDouble();
        Assert.That(Iou("diffeonn"), Is.GreaterThan(Iou("naive") - (deform == "none" ? 0.02 : 0)));
    }

    private CommandRun Evaluate(string data, string output, params string[] options) =>
        CommandRun.Of(Arguments(Repository.Bundle("shapes"), data, output, options));

    private string[] Arguments(string bundle, string data, string output, params string[] options) =>
        ["evaluate", "--model", bundle, "--data", data, "--output", _folder[output], .. options];

    /// <summary>Five images of 32x32 pixels; a kind of badness from 1 to 4 strikes one of the first four.</summary>
    private void WriteBadData(int kind)
    {
        if (!Directory.Exists(_folder["data"]))
        {
            Directory.CreateDirectory(_folder["data/images"]);
            Directory.CreateDirectory(_folder["data/masks"]);
            for (var i = 0; i < 5; i++)
            {
                var (image, mask) = ShapesGenerator.Generate(1, i, 32);
                ImageFile.WritePng(_folder[$"data/images/{(char)('a' + i)}.png"], image);
                ImageFile.WritePng(_folder[$"data/masks/{(char)('a' + i)}.png"], mask);
            }
        }

        switch (kind)
        {
            case 1: File.Delete(_folder["data/masks/a.png"]); break;
            case 2: ImageFile.WritePng(_folder["data/masks/b.png"], ShapesGenerator.Generate(1, 1, 64).Mask); break;
            case 3: File.WriteAllText(_folder["data/images/c.png"], "no picture"); break;
            default:
                ImageFile.WritePng(_folder["data/masks/d.png"], new ImageBuffer(1, 32, 32, [.. Enumerable.Repeat(7 / 255f, 32 * 32)]));
                break;
        }
    }

    /// <summary>Digits of 8x8 pixels, the i-th with i holes of 2x2.</summary>
    private void WriteDigits(int count)
    {
        Directory.CreateDirectory(_folder["digits"]);
        var bytes = new byte[16 + (64 * count)];
        new byte[] { 0, 0, 8, 3, 0, 0, 0, (byte)count, 0, 0, 0, 8, 0, 0, 0, 8 }.CopyTo(bytes, 0);
        for (var i = 0; i < count; i++)
            for (var row = 0; row < 8; row++)
                for (var column = 0; column < 8; column++)
                    bytes[16 + (64 * i) + (8 * row) + column] = row is 3 or 4 && column % 3 is 1 or 2 && column / 3 < i && column < 6
                        ? (byte)0
                        : (byte)255;
        File.WriteAllBytes(_folder["digits/t10k-images-idx3-ubyte"], bytes);
    }

    /// <summary>The bundle of shapes with the mean score of all pixels as its answer.</summary>
    private string Classifier()
    {
        var target = BundleCopy.Of(Repository.Bundle("shapes"), _folder["bundle"]);
        var path = Path.Combine(target, "inner.onnx");
        var model = OnnxModel.Load(path);
        var logits = model.Graph.Outputs[0];
        model.Graph.AddNode("GlobalAveragePool", [logits.Name], "pooled");
        model.Graph.AddNode("Flatten", ["pooled"], "scores");
        model.Graph.Outputs[0] = logits with { Name = "scores", Shape = [.. logits.Shape!.Take(2)] };
        model.Save(path);
        BundleCopy.Change(target, root =>
        {
            root["models"]!["inner"]!["sha256"] = Bundle.Hash(path);
            root["models"]!["inner"]!["output"]!["name"] = "scores";
            root["models"]!["inner"]!["output"]!["kind"] = "classification";
            root["models"]!.AsObject().Remove("augmented");
        });
        return target;
    }
}
