using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Metrics;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>The main job on real chest X-rays: deform the test split, run the bundle, compare with the masks. DIFFEONN_LUNGS_COUNT says how
/// many images, of at most 66; 8 if it is not set.</summary>
[TestFixture]
public sealed class LungsTests
{
    [TestCase("tps")]
    [TestCase("tps-strong")]
    public void Run_OnDeformedTestImages_BeatsTheNetworkAlone(string deform)
    {
        var count = int.Parse(Environment.GetEnvironmentVariable("DIFFEONN_LUNGS_COUNT") ?? "8");
        var lungs = Repository.Shared("data/lungs");
        using var folder = new TemporaryFolder();
        var deformed = CommandRun.Of(
            "deform", "--data", lungs, "--output", folder["data"], "--deform", deform, "--split", "test", "--source", "kermany-normal",
            "--count", $"{count}", "--seed", "2026");
        Assert.That(deformed.Code, Is.EqualTo(ExitCode.Success), deformed.Error);
        var run = CommandRun.Of("run", "--model", Repository.Bundle("lungs"), "--input", folder["data/images"], "--output",
            folder["results"], "--naive");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);

        double naive = MeanIou(folder, "naive"), canonicalised = MeanIou(folder, "output");

        TestContext.Out.WriteLine($"{deform}, {count} images: mean IoU {naive:F4} alone, {canonicalised:F4} canonicalised");
        Assert.That(canonicalised, Is.GreaterThan(naive));
    }

    private static double MeanIou(TemporaryFolder folder, string kind) =>
        Directory.EnumerateFiles(folder["data/masks"]).Average(mask =>
        {
            var truth = LabelMap.FromImage(ImageFile.Read(mask));
            var answer = LabelMap.FromImage(ImageFile.Read(folder[$"results/{Path.GetFileNameWithoutExtension(mask)}.{kind}.png"]));
            return SegmentationScore.Of(answer, truth).Iou;
        });
}
