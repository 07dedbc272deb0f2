using System.Text.Json;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>What <c>doctor</c> tells.</summary>
[TestFixture]
public sealed class DoctorCommandTests
{
    [Test]
    public void Doctor_LeavesOutImagesThatCannotBeRead_AndNamesThem()
    {
        using var folder = new TemporaryFolder();
        Assert.That(CommandRun.Of("shapes", "--output", folder["shapes"], "--count", "12").Code, Is.EqualTo(ExitCode.Success));
        File.WriteAllBytes(folder["shapes/images/aaa.png"], [1, 2, 3]);
        var run = CommandRun.Of("doctor", Repository.Bundle("shapes"), "--data", folder["shapes"], "--seconds", "0", "--device", "cpu");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error + run.Output);
        Assert.That(run.Output, Does.Contain("left out: '").And.Contain("aaa.png' cannot be read"));
    }

    [Test]
    public void Doctor_OfABundle_FindsNoProblemAndWritesIt()
    {
        using var folder = new TemporaryFolder();
        var run = CommandRun.Of("doctor", Repository.Bundle("genus"), "--seconds", "0.1", "--device", "cpu", "--json",
            folder["findings.json"]);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Output + run.Error);
        Assert.That(run.Output, Does.Contain("ONNX Runtime: 1.").And.Contain("libtorch").And.Contain("both engines' gradient agree")
            .And.Contain("its gradient compiles").And.Contain("0 problems"));
        using var document = JsonDocument.Parse(File.ReadAllText(folder["findings.json"]));
        Assert.That(document.RootElement.GetProperty("problems").GetInt32(), Is.Zero);
        var levels = document.RootElement.GetProperty("findings").EnumerateArray()
            .Select(finding => finding.GetProperty("level").GetString()).Distinct();
        Assert.That(levels, Is.SubsetOf(new[] { "good", "note", "warning" }).And.Contains("good"));
    }

    [Test]
    public void Doctor_WithImages_TriesTheBundleOnThem()
    {
        using var folder = new TemporaryFolder();
        var copy = BundleCopy.Of(Repository.Bundle("shapes"), folder["bundle"], root =>
        {
            root["models"]!.AsObject().Remove("augmented");
            root["references"]!.AsArray().Clear();
        });
        var good = CommandRun.Of("doctor", copy, "--data", "shapes", "--seconds", "0", "--device", "cpu");
        Assert.That(good.Code, Is.EqualTo(ExitCode.Success), good.Output + good.Error);
        Assert.That(good.Output, Does.Contain("Tried on shapes").And.Contain("16 images with pixel values of 0 to ")
            .And.Contain("its proposal lowers the energy of 32 of 32"));
        BundleCopy.Change(copy, root => root["image"]!["std"]![0] = 1 / 255.0);
        var bad = CommandRun.Of("doctor", copy, "--data", "shapes", "--seconds", "0", "--device", "cpu", "--json", folder["findings.json"]);
        Assert.That(bad.Code, Is.EqualTo(ExitCode.Model));
        Assert.That(File.ReadAllText(folder["findings.json"]), Does.Contain("was trained on pixel values of 0 to 1"));
    }

    [Test]
    public void Doctor_WithImagesThatAreNotThere_OrWithoutBundle_SaysSo()
    {
        CommandRun.Of("doctor", Repository.Bundle("genus"), "--data", "nowhere", "--seconds", "0", "--device", "cpu")
            .AssertError(ExitCode.Data, "'nowhere' does not exist");
        CommandRun.Of("doctor", "--data", "shapes", "--seconds", "0").AssertError(ExitCode.Usage, "give the bundle's folder, too");
    }

    [Test]
    public void Doctor_OfADamagedModel_EndsWithTheModelsCode()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["model.onnx"], "no model");
        var run = CommandRun.Of("doctor", folder["model.onnx"], "--seconds", "0", "--device", "cpu");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Model));
        Assert.That(run.Output, Does.Contain("problem model.onnx:").And.Contain("to do: export the model again"));
    }

    [Test]
    public void Doctor_AskedForCudaWhereItIsNot_EndsWithTheDevicesCode()
    {
        if (File.Exists("/proc/driver/nvidia/version")) Assert.Ignore("A GPU is here.");
        var run = CommandRun.Of("doctor", "--seconds", "0", "--device", "cuda");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Device));
        Assert.That(run.Output, Does.Contain("problem CUDA:").And.Contain("to do: "));
        Assert.That(run.Output.Split("LD_LIBRARY_PATH"), Has.Length.LessThanOrEqualTo(2), "the same advice once");
    }

    [TestCase("--seconds", "-1")]
    [TestCase("--device", "tpu")]
    public void Doctor_WithABadOption_IsAUsageError(params string[] options) =>
        Assert.That(CommandRun.Of(["doctor", .. options]).Code, Is.EqualTo(ExitCode.Usage));

    [Test]
    public void Doctor_OfAMissingFile_SaysSo()
    {
        var run = CommandRun.Of("doctor", "nowhere.onnx");
        Assert.That((run.Code, run.Error),
            Is.EqualTo((ExitCode.Model, "error: 'nowhere.onnx' does not exist; expected an ONNX file or a bundle's folder.\n")));
    }
}
