using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>A bundle from a network's file and a folder of images by one command.</summary>
[TestFixture]
public sealed class FitCommandTests
{
    private static readonly string Inner = Path.Combine(Repository.Bundle("shapes"), "inner.onnx");

    [Test]
    public void Fit_OfAFolderOfImages_WritesBundlePlanAndReport()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["images"]);
        var shapes = EvaluationData.OpenImages(
            EvaluationData.Shapes, new EvaluationTask(OutputKind.Segmentation, 2), new EvaluationSelection { Split = "train", Count = 24 });
        for (var i = 0; i < shapes.Count; i++) ImageFile.WritePng(folder[$"images/{i:D2}.png"], shapes.Read(i).Image);

        var run = CommandRun.Of(
            "fit", "--inner", Inner, "--data", folder["images"], "--output", folder["mine"], "--time", "5s", "--device", "cpu",
            "--side", "32");

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var verdict = Bundle.Load(folder["mine"]).Manifest.Provenance!.Verdict!;
        Assert.That(verdict, Does.Contain("'tps-strong'").And.Contain("Undeformed images "));
        foreach (var line in new[] { "tps-strong", "Undeformed images ", "validation (" })
            Assert.That(run.Output, Does.Contain(line));
        Assert.That(FitPlan.Load(folder["mine/plan.json"]).Vae, Is.GreaterThanOrEqualTo(20));
        Assert.That(File.ReadAllText(folder["mine/report.html"]), Does.Contain("Undeformed images "));

        CommandRun.Of("fit", "--inner", Inner, "--data", folder["images"], "--output", folder["mine"])
            .AssertError(ExitCode.Usage, "holds a bundle already; give --output another folder, --resume, or remove it first.");
    }

    [TestCase("20", "Time '20' is none; expected such as 90s, 20m or 1h30m, at least 5s.")]
    [TestCase("2s", "Time '2s' is none")]
    public void Time_ThatIsNone_IsAUsageError(string time, string message) => CommandRun.Of(
        "fit", "--inner", Inner, "--data", "shapes", "--output", "nowhere", "--time", time).AssertError(ExitCode.Usage, message);
}
