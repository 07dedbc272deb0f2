using System.Globalization;
using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>The first thing a new user runs.</summary>
[TestFixture]
public sealed partial class DemoCommandTests
{
    [Test]
    public void Demo_PrintsThatCanonicalisationHelps_AndWritesAPicture()
    {
        using var folder = new TemporaryFolder();
        var run = CommandRun.Of("demo", "--output", folder["demo.png"]);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var mean = MeanRow().Match(run.Output);
        Assert.That(mean.Success, run.Output);
        double naive = double.Parse(mean.Groups[1].Value, CultureInfo.InvariantCulture),
            canonicalised = double.Parse(mean.Groups[2].Value, CultureInfo.InvariantCulture);
        Assert.That(canonicalised, Is.GreaterThan(naive));
        Assert.That(run.Output, Does.Contain("canonicalising: 0 %").And.Contain("canonicalising: 100 %"));
        Assert.That(run.Output, Does.Contain("Picture of the first 4 of 8 images: "));
        Assert.That(run.Output.Split('\n').Select(line => line.Length), Is.All.LessThan(200), "no line is long, that on CUDA included");
        Assert.That(ImageFile.Read(folder["demo.png"]).Channels, Is.EqualTo(3));
    }

    [GeneratedRegex(@"mean\D+([01]\.\d+)\D+([01]\.\d+)")]
    private static partial Regex MeanRow();
}
