using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Shapes;
using DiffeoNN.Onnx.Training.Fit;
using Spectre.Console;

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
        foreach (var line in new[]
        {
            "tps-strong", "Undeformed images ", "validation (4 images that settings were chosen on, too few to tell): undeformed ",
            "note: 5 s are too short to be kept",
        })
        {
            Assert.That(run.Output, Does.Contain(line));
        }

        Assert.That(run.Output, Does.Not.Contain("next to nothing to win"), "four images do not tell that");
        Assert.That(run.Output, Does.Contain("Bundle 'mine' ").And.Match(
            "Bundle 'mine' helps|Bundle 'mine' (is not shown to|does not) help[^\\n]*\\n *to do: "));
        Assert.That(FitPlan.Load(folder["mine/plan.json"]).Vae, Is.GreaterThanOrEqualTo(20));
        Assert.That(File.ReadAllText(folder["mine/report.html"]), Does.Contain("Undeformed images "));

        var validated = CommandRun.Of("validate", folder["mine"], "--no-gradients", "--no-job");
        Assert.That(validated.Code, Is.EqualTo(ExitCode.Success), validated.Output + validated.Error);
        Assert.That(validated.Output.Split('\n').Where(line => line.Contains("no reference tensors", StringComparison.Ordinal)),
            Has.Exactly(1).Items.And.All.StartsWith("inner: "), "what the fit trained never was in PyTorch");

        CommandRun.Of("fit", "--inner", Inner, "--data", folder["images"], "--output", folder["mine"])
            .AssertError(ExitCode.Usage, "holds a bundle already; replace it by --overwrite, or give --output another folder.");
    }

    [Test]
    public void Interruption_IsNoError()
    {
        using var folder = new TemporaryFolder();
        using var source = new CancellationTokenSource();
        using var output = new Interrupting("autoencoder", source);
        using var error = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = 200;

        var code = CommandLine.Run(
            ["fit", "--inner", Inner, "--data", "shapes", "--count", "24", "--output", folder["mine"], "--device", "cpu", "--side", "32"],
            console, error, source.Token);

        Assert.That((ExitCode)code, Is.EqualTo(ExitCode.Cancelled));
        Assert.That(error.ToString(), Is.Empty);
        Assert.That(output.ToString().TrimEnd(), Does.EndWith(
            $"Interrupted before a bundle was written to {folder["mine"]}. The same command with --resume goes on."));

        CommandRun.Of(
            "fit", "--inner", Inner, "--data", "shapes", "--count", "24", "--output", folder["mine"], "--device", "cpu", "--side", "32",
            "--seed", "2", "--resume").AssertError(ExitCode.Model, "is of another fit (the seed: 1 then, 2 now); give what was given then");

        // What was done stays unless the command says that it may go.
        CommandRun.Of("fit", "--inner", Inner, "--data", "shapes", "--count", "24", "--output", folder["mine"], "--device", "cpu")
            .AssertError(
                ExitCode.Usage, "holds a fit that was interrupted; go on with it by --resume, begin anew by --overwrite, or give ");
        Assert.That(BundleFitter.CanResume(folder["mine"]), Is.True);
    }

    [Test]
    public void FilesOfOthers_InTheOutput_AreNotTouched()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["mine"]);
        File.WriteAllText(folder["mine/report.html"], "mine");
        CommandRun.Of("fit", "--inner", Inner, "--data", "shapes", "--output", folder["mine"]).AssertError(
            ExitCode.Usage, "holds files that are no fit's; write among them by --overwrite, which replaces those that have a bundle's ");
        Assert.That(folder.Files(), Is.EqualTo(new[] { "mine/report.html" }));
        CommandRun.Of("fit", "--inner", Inner, "--data", "shapes", "--output", folder["other"], "--overwrite", "--resume").AssertError(
            ExitCode.Usage, "--resume goes on with what lies there, and --overwrite begins anew; give one of them.");
    }

    [Test]
    public void ImagesThatCannotBeUsed_AreToldBeforeAnythingIsTrained()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["images"]);
        for (var i = 0; i < 24; i++) ImageFile.WritePng(folder[$"images/{i:D2}.png"], ShapesGenerator.Generate(3, i).Image);
        for (var i = 0; i < 24; i += 6)
        {
            // The beginning of a file, as after a copy that was broken off.
            var bytes = File.ReadAllBytes(folder[$"images/{i:D2}.png"]);
            File.WriteAllBytes(folder[$"images/{i:D2}.png"], bytes[..30]);
        }

        File.CreateSymbolicLink(folder["images/link.png"], folder["gone.png"]);
        string[] command =
            ["fit", "--inner", Inner, "--data", folder["images"], "--output", folder["out/mine"], "--device", "cpu", "--side", "32"];
        var run = CommandRun.Of(command);
        run.AssertError(
            ExitCode.Data, "5 of 25 images of ", "cannot be used: ", "And 2 more.", "--skip-bad leaves out what cannot be used.");
        Assert.That(run.Output, Does.Not.Contain("left out").And.Not.Contain("autoencoder"));
        Assert.That(Directory.Exists(folder["out"]), Is.False);

        using var source = new CancellationTokenSource();
        using var output = new Interrupting("autoencoder", source);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = 2000;
        using var error = new StringWriter();
        var code = CommandLine.Run([.. command, "--skip-bad"], console, error, source.Token);
        Assert.That((ExitCode)code, Is.EqualTo(ExitCode.Cancelled), error.ToString());
        Assert.That(output.ToString(), Does.Contain("note: 5 images cannot be used and are left out: "));
    }

    [Test]
    public void Values_ThatAreNone_AreToldWithTheirOption()
    {
        CommandRun.Of("fit", "--inner", Inner, "--data", "shapes", "--output", "nowhere", "--deform", "tps,svv").AssertError(
            ExitCode.Usage, "--deform: Argument 'tps,svv' not recognized");
        CommandRun.Of("fit", "--inner", Inner, "--data", "nope", "--output", "nowhere").AssertError(
            ExitCode.Data, "'nope' does not exist; images are a folder of them, ");
        CommandRun.Of("fit", "--inner", Inner, "--data", "shapes", "--output", "nowhere", "--classes", "a,b,c").AssertError(
            ExitCode.Model, "Output 'logits' has 2 classes, and 3 classes are named (a, b, c); give --classes a name for each");
    }

    [Test]
    public void Labels_OfImagesWithoutAny_AreRefusedWithWhatToDo()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["plain/a"]);
        for (var i = 0; i < 8; i++) ImageFile.WritePng(folder[$"plain/a/{i}.png"], ShapesGenerator.Generate(3, i).Image);
        CommandRun.Of("fit", "--inner", Inner, "--data", folder["plain"], "--output", folder["mine"], "--labels", "--device", "cpu")
            .AssertError(
                ExitCode.Data, "holds images without the truth about them; the answers of a segmentation are compared with masks/,",
                "Leave out --labels to learn from the network's own answers on undeformed images, and to validate with them.");
    }

    [TestCase("20", "Time '20' is none; expected such as 90s, 20m or 1h30m, at least 5s.")]
    [TestCase("2s", "Time '2s' is none")]
    public void Time_ThatIsNone_IsAUsageError(string time, string message) => CommandRun.Of(
        "fit", "--inner", Inner, "--data", "shapes", "--output", "nowhere", "--time", time).AssertError(ExitCode.Usage, message);

    /// <summary>Interrupts when something is written.</summary>
    private sealed class Interrupting(string word, CancellationTokenSource source) : StringWriter
    {
        public override void Write(string? value)
        {
            base.Write(value);
            if (value?.Contains(word, StringComparison.Ordinal) == true) source.Cancel();
        }
    }
}
