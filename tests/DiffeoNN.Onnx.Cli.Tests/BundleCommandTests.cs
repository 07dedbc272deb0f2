using DiffeoNN.Onnx.Bundles;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>A bundle from a network's file by one command.</summary>
[TestFixture]
public sealed class BundleCommandTests
{
    private static readonly string Inner = Path.Combine(Repository.Bundle("shapes"), "inner.onnx");

    [Test]
    public void Init_OfANetwork_WritesABundleThatInfoShowsAndRunRefuses()
    {
        using var folder = new TemporaryFolder();

        var run = CommandRun.Of("bundle", "init", Inner, "--data", "shapes", "--classes", "background, target", "--output", folder["mine"]);

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("guessed kind of 'logits': segmentation (by its name; else --kind)")
            .And.Contain("told    classes of 'logits': background, target (as told)").And.Contain("no energy yet"));
        var truth = BundleManifest.Load(Path.Combine(Repository.Bundle("shapes"), BundleManifest.FileName)).Models.Inner;
        var found = Bundle.Load(folder["mine"]).Manifest.Models.Inner;
        Assert.That((found.Input, found.Sha256, found.Output.Name, found.Output.Activation), Is.EqualTo(
            (truth.Input, truth.Sha256, truth.Output.Name, truth.Output.Activation)));
        Assert.That(found.Output.Classes, Is.EqualTo(truth.Output.Classes));
        var info = CommandRun.Of("info", folder["mine"]);
        Assert.That(info.Code, Is.EqualTo(ExitCode.Success), info.Error);
        Assert.That(info.Output, Does.Contain("Energy: none yet").And.Not.Contain("Search:"));
        CommandRun.Of("run", "--model", folder["mine"], "--input", Path.Combine(Repository.Bundle("shapes"), "demo.png"),
            "--output", folder["results"]).AssertError(ExitCode.Model, "Bundle 'mine' has no energy", "Train one with 'diffeonn fit'");
        CommandRun.Of("bundle", "init", Inner, "--output", folder["mine"]).AssertError(ExitCode.Usage, "holds a bundle already");
    }

    [Test]
    public void Init_WithoutOutput_WritesNothingAndWarns()
    {
        var run = CommandRun.Of("bundle", "init", Inner, "--data", "shapes", "--std", "1e12");

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("Nothing written").And.Contain("warning inner.onnx: ").And.Contain(
            "told    normalisation: range 1, mean 0, std 1000000000000 (as told)"));
        Assert.That(CommandRun.Of("bundle", "init", Inner, "--range", "255").Output, Does.Contain(
            "told    normalisation: range 255, mean 0, std 1 (as told)"));
    }

    [TestCase("--std", "0", "--std is '0'; expected numbers above 0")]
    [TestCase("--mean", "a", "--mean is 'a'; expected numbers")]
    [TestCase("--range", "1,2", "--range is '1,2'; expected a number above 0")]
    [TestCase("--kind", "poem", "poem")]
    public void Init_OfOptionsThatMakeNoSense_IsAUsageError(string option, string value, string message) =>
        CommandRun.Of("bundle", "init", Inner, option, value).AssertError(ExitCode.Usage, message);

    [Test]
    public void Init_OfWhatIsNoNetwork_IsRefused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["n.onnx"], "text");
        CommandRun.Of("bundle", "init", folder["n.onnx"]).AssertError(ExitCode.Model, "n.onnx");
        CommandRun.Of("bundle", "init", folder["none.onnx"]).AssertError(ExitCode.Model, "does not exist");
        CommandRun.Of("bundle", "init", Inner, "--mean", "1,2").AssertError(ExitCode.Model, "2 numbers are given for mean or std");
        CommandRun.Of("bundle", "init", Inner, "--output-name", "x").AssertError(ExitCode.Model, "has no output 'x'", "'logits'");
        CommandRun.Of("bundle", "init", Inner, "--kind", "boxes").AssertError(ExitCode.Model, "cannot answer with boxes");
    }
}
