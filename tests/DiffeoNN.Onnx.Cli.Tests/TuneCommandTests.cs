using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>What <c>tune</c> prints and writes, and what it refuses.</summary>
[TestFixture]
public sealed class TuneCommandTests
{
    private static readonly string[] Few = ["--count", "2", "--trials", "2", "--batch", "2", "--deform", "tps-strong", "--seed", "11"];

    private TemporaryFolder _folder = null!;
    private string _bundle = null!;

    [SetUp]
    public void CopyBundle()
    {
        _folder = new TemporaryFolder();
        // A bundle that uses no map at all: whatever else is tried, another acceptance is better.
        _bundle = BundleCopy.Of(Repository.Bundle("shapes"), _folder["bundle"], root =>
        {
            root["optimiser"]!["steps"] = 8;
            root["acceptance"] = new JsonObject { ["minimumDecrease"] = 1e6, ["inverseResidual"] = 0.75 };
            root["provenance"]!["notes"] = "Trained.";
        });
    }

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Tune_PrintsEveryTrialAndWritesWhatIsBetter()
    {
        var before = BundleManifest.Load(Manifest);
        var run = Tune("shapes", Few);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var lines = run.Output.Split('\n', StringSplitOptions.TrimEntries);
        Assert.That(lines.Count(
            line => line.StartsWith("0      2 ", StringComparison.Ordinal) && line.EndsWith("(present)", StringComparison.Ordinal)),
            Is.EqualTo(1), run.Output);
        Assert.That(lines.Count(line => line.StartsWith("1      2 ", StringComparison.Ordinal)
            && line.Contains("minimumDecrease 1000000 -> ", StringComparison.Ordinal)),
            Is.EqualTo(1), run.Output);
        Assert.That(lines.Count(line => line.StartsWith("2      2 ", StringComparison.Ordinal)), Is.EqualTo(1), run.Output);
        foreach (var part in new[] { "2 images, undeformed and by tps-strong", "trial images", "Best: trial ", $"Written: {Manifest}" })
            Assert.That(run.Output, Does.Contain(part));

        var after = BundleManifest.Load(Manifest);
        Assert.That(after.Search.MinimumDecrease, Is.LessThan(1));
        Assert.That(after.Search.InverseResidual, Is.EqualTo(0.75));
        Assert.That(after.Provenance!.Notes,
            Does.StartWith("Trained.\nTuned: 2 images of split val, undeformed and by tps-strong, seed 11, 2 trials, score "));
        var rest = after with
        {
            Search = before.Search,
            Provenance = before.Provenance,
        };
        Assert.That(rest.ToJson(), Is.EqualTo(before.ToJson()), "all else stays");
        Assert.That(CommandRun.Of("info", _bundle).Code, Is.EqualTo(ExitCode.Success));
    }

    [Test]
    public void Tune_OfAgreement_TakesImagesAlone()
    {
        var split = Tune("shapes", [.. Few, "--agreement", "--dry-run"]);
        Assert.That(split.Code, Is.EqualTo(ExitCode.Success), split.Error);
        Assert.That(split.Output.ReplaceLineEndings(" "), Does.Contain("agreement with the network's own answers on undeformed images"));
        ShapesDataSet.Write(_folder["made"], 2, 1, 128);
        var run = Tune(_folder["made/images"], [.. Few, "--agreement"]);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(BundleManifest.Load(Manifest).Provenance!.Notes, Does.StartWith("Trained.\nTuned: 2 images, undeformed and by "
            + "tps-strong, agreement with the network's own answers on undeformed images, seed 11, 2 trials, score "));
    }

    [Test]
    public void Tune_ToAnotherFileOrNone_LeavesTheBundle()
    {
        var before = File.ReadAllBytes(Manifest);
        var dry = Tune("shapes", [.. Few, "--dry-run"]);
        Assert.That(dry.Code, Is.EqualTo(ExitCode.Success), dry.Error);
        Assert.That(dry.Output, Does.Contain("Best: trial ").And.Not.Contain("Written"));
        var other = Tune("shapes", [.. Few, "--output", _folder["new/tuned.json"]]);
        Assert.That(other.Code, Is.EqualTo(ExitCode.Success), other.Error);
        Assert.That(BundleManifest.Load(_folder["new/tuned.json"]).Search.MinimumDecrease, Is.LessThan(1));
        Assert.That(File.ReadAllBytes(Manifest), Is.EqualTo(before));
    }

    [TestCase("--split", "test")]
    [TestCase("--split", "Test")]
    public void Tune_OnTheTestSplit_IsRefused(params string[] options) =>
        Tune("shapes", options).AssertError(ExitCode.Usage, "--split is test", "never chosen on test images");

    [TestCase("--deform", "none")]
    [TestCase("--deform", "melt")]
    [TestCase("--trials", "0")]
    [TestCase("--count", "some")]
    [TestCase("--steps", "3")]
    [TestCase("--dry-run", "--output", "file")]
    public void Tune_WithWrongOptions_IsAUsageError(params string[] options) => Tune("shapes", options).AssertError(ExitCode.Usage);

    [Test]
    public void Tune_OfWhatCannotBeUsed_SaysSoAndWritesNothing()
    {
        var before = File.ReadAllBytes(Manifest);
        Tune(_folder["nowhere"]).AssertError(ExitCode.Data, "nowhere", "does not exist");
        ShapesDataSet.Write(_folder["data"], 20, 1, 32);
        Tune(_folder["data"], "--source", "moon").AssertError(ExitCode.Data, "source 'moon'");
        var mask = Directory.EnumerateFiles(_folder["data/masks"]).Order().ElementAt(15); // of split val
        File.Delete(mask);
        Tune(_folder["data"]).AssertError(ExitCode.Data, Path.GetFileName(mask), "has no mask");
        CommandRun.Of("tune", "--model", _folder["no-bundle"], "--data", "shapes").AssertError(ExitCode.Model, "no-bundle");
        File.WriteAllText(_folder["file"], "in the way");
        Tune("shapes", "--output", _folder["file/tuned.json"]).AssertError(ExitCode.Output);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        CommandRun.Of(cancelled.Token, "tune", "--model", _bundle, "--data", "shapes", "--count", "1").AssertError(ExitCode.Cancelled);
        Assert.That(File.ReadAllBytes(Manifest), Is.EqualTo(before));
    }

    private string Manifest => Path.Combine(_bundle, BundleManifest.FileName);

    private CommandRun Tune(string data, params string[] options) =>
        CommandRun.Of(["tune", "--model", _bundle, "--data", data, .. options]);
}
