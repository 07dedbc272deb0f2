using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>Whatever is wrong with what a user gives: one line, the documented exit code, nothing half-written.</summary>
[TestFixture]
public sealed class BadInputTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder()
    {
        _folder = new TemporaryFolder();
        ImageFile.WritePng(_folder["image.png"], ShapesGenerator.Generate(5, 0).Image);
    }

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Fields_ThatTheEngineDoesNotHave_AreAMisuse() => CommandRun.Of(
        "run", "--model", Repository.Bundle("shapes"), "--input", "x", "--output", "y", "--engine", "torch", "--fields", "onnx")
        .AssertError(ExitCode.Usage, "take --fields torch");

    [Test]
    public void Run_OfAMissingFile_SaysSo() => Run("missing.png").AssertError(ExitCode.Data, "missing.png", "does not exist");

    [Test]
    public void Run_OfATruncatedPng_NamesIt()
    {
        var bytes = File.ReadAllBytes(_folder["image.png"]);
        File.WriteAllBytes(_folder["cut.png"], bytes[..(bytes.Length / 2)]);
        Run("cut.png").AssertError(ExitCode.Data, "cut.png");
        AssertNothingWritten();
    }

    [Test]
    public void Run_OfAFolderWithOneBadImage_WritesNothing()
    {
        Directory.CreateDirectory(_folder["images"]);
        File.Copy(_folder["image.png"], _folder["images/a.png"]);
        File.WriteAllText(_folder["images/b.png"], "no picture");
        Run("images").AssertError(ExitCode.Data, "b.png");
        AssertNothingWritten();
    }

    [Test]
    public void Run_OfAFolderWithoutImages_SaysWhatItLookedFor()
    {
        Directory.CreateDirectory(_folder["empty"]);
        Run("empty").AssertError(ExitCode.Data, "holds no image files", ".png");
    }

    [Test]
    public void Run_IntoAFile_CannotWrite()
    {
        File.WriteAllText(_folder["results"], "in the way");
        Run("image.png").AssertError(ExitCode.Output, "results");
    }

    [Test]
    public void Run_WithoutBundle_NamesTheManifest()
    {
        var run = CommandRun.Of("run", "--model", _folder["nowhere"], "--input", _folder["image.png"], "--output", _folder["results"]);
        run.AssertError(ExitCode.Model, "nowhere", "diffeonn.json");
    }

    [Test]
    public void Run_WithAnUnknownField_NamesIt() =>
        Damaged(manifest => manifest["colour"] = "blue").AssertError(ExitCode.Model, "colour");

    [Test]
    public void Run_WithAWrongHash_NamesTheFile() =>
        Damaged(manifest => manifest["models"]!["vae"]!["sha256"] = new string('0', 64)).AssertError(ExitCode.Model, "vae.onnx", "SHA-256");

    [Test]
    public void Run_WithAWrongTensorName_ListsTheRightOnes() =>
        Damaged(manifest => manifest["models"]!["inner"]!["input"] = "img").AssertError(ExitCode.Model, "'img'", "'image'");

    [Test]
    public void Run_WithWrongChannels_SaysWhatTheModelTakes() =>
        Damaged(manifest =>
        {
            manifest["image"]!["channels"] = 3;
            manifest["image"]!["mean"] = new JsonArray(0, 0, 0);
            manifest["image"]!["std"] = new JsonArray(1, 1, 1);
        }).AssertError(ExitCode.Model, "3", "1");

    [Test]
    public void Run_WithAWrongSize_SaysWhatTheModelTakes() =>
        Damaged(manifest => manifest["image"]!["height"] = 64).AssertError(ExitCode.Model, "64", "128");

    [Test]
    public void Run_WithNaNWeights_NamesTheTensor()
    {
        var run = WithModel("vae", model =>
        {
            var (name, tensor) = model.Graph.Initializers.First(pair => pair.Value.ElementType == OnnxElementType.Float);
            var values = tensor.ToArray<float>();
            values[0] = float.NaN;
            model.Graph.Initializers[name] = OnnxTensor.Create<float>(name, tensor.Dimensions, values);
        });
        run.AssertError(ExitCode.Model, "vae.onnx", "NaN");
    }

    [Test]
    public void Run_WithAnOperatorWithoutRule_NamesIt()
    {
        var run = WithModel("critic", model =>
        {
            var output = model.Graph.Outputs[0].Name;
            foreach (var node in model.Graph.Nodes)
                for (var i = 0; i < node.Outputs.Count; i++)
                    if (node.Outputs[i] == output) node.Outputs[i] = "before_unknown";
            model.Graph.AddNode("Mystery", ["before_unknown"], output);
            model.Graph.Nodes[^1].Domain = "com.example";
            model.OpsetImports["com.example"] = 1;
        });
        run.AssertError(ExitCode.Operator, "Mystery", "critic.onnx");
    }

    [Test]
    public void Run_OnMissingCuda_SaysWhatIsMissing()
    {
        var run = CommandRun.Of(
            "run", "--model", Repository.Bundle("shapes"), "--input", _folder["image.png"], "--output", _folder["results"],
            "--device", "cuda");
        if (run.Code == ExitCode.Success) Assert.Ignore("CUDA works here.");
        run.AssertError(ExitCode.Device, "cuda");
        AssertNothingWritten();
    }

    [Test]
    public void Run_OfASinglePixel_SaysHowManyAreNeeded()
    {
        ImageFile.WritePng(_folder["one.png"], new ImageBuffer(1, 1, 1));
        Run("one.png").AssertError(ExitCode.Data, "one.png", "2x2");
        AssertNothingWritten();
    }

    [Test]
    public void Run_IntoTheFolderOfItsInput_IsRefused()
    {
        var run = CommandRun.Of("run", "--model", Repository.Bundle("shapes"), "--input", _folder["image.png"], "--output", _folder.Path);
        run.AssertError(ExitCode.Usage, "folder of the input");
    }

    [Test]
    public void Run_WithAnEnergyThatIsNotFinite_SaysSoAndFails()
    {
        var run = WithModel("critic", model =>
        {
            var output = model.Graph.Outputs[0].Name;
            foreach (var node in model.Graph.Nodes)
                for (var i = 0; i < node.Outputs.Count; i++)
                    if (node.Outputs[i] == output) node.Outputs[i] = "finite";
            model.Graph.AddInitializer(OnnxTensor.Scalar("minus", -1e9f));
            model.Graph.AddNode("Add", ["finite", "minus"], "negative");
            model.Graph.AddNode("Log", ["negative"], output);
        }, isRun: true);
        Assert.That(run.Code, Is.EqualTo(ExitCode.NonFinite), run.Error);
        Assert.That(run.Output, Does.Contain("not finite for 1 of 1 images"));
    }

    [TestCase("run")]
    [TestCase("demo", "--steps", "abc")]
    [TestCase("demo", "--seed", "-5")]
    [TestCase("shapes", "--output", "x", "--count", "99999999999")]
    [TestCase("unknown")]
    [TestCase("demo", "--batch", "0")]
    [TestCase("demo", "--deform", "melt")]
    [TestCase("demo", "--device", "tpu")]
    public void AnyCommand_WithWrongOptions_IsAUsageError(params string[] arguments) =>
        CommandRun.Of(arguments).AssertError(ExitCode.Usage);

    [Test]
    public void Info_OfNothing_SaysWhatItExpects() =>
        CommandRun.Of("info", _folder["nothing"]).AssertError(ExitCode.Model, "nothing", "does not exist");

    [Test]
    public void AFolderOfBundles_IsNoBundle_AndItsBundlesAreNamed()
    {
        foreach (var name in new[] { "b", "a" }) BundleCopy.Of(Repository.Bundle("genus"), _folder[$"models/{name}"], _ => { });
        Directory.CreateDirectory(_folder["models/notes"]);
        CommandRun.Of("run", "--model", _folder["models"], "--input", _folder["image.png"], "--output", _folder["results"]).AssertError(
            ExitCode.Model, $"Folder '{_folder["models"]}' has no diffeonn.json, but 'a', 'b' in it have one",
            $"such as '{_folder["models/a"]}'.");
    }

    [Test]
    public void AMisspeltCommand_IsNamed() => CommandRun.Of("frob").AssertError(ExitCode.Usage, "'frob' is no command");

    [Test]
    public void Info_OfGarbage_IsAModelError()
    {
        File.WriteAllText(_folder["garbage.onnx"], "no model");
        CommandRun.Of("info", _folder["garbage.onnx"]).AssertError(ExitCode.Model, "garbage.onnx");
    }

    [Test]
    public void Run_WhenCancelled_LeavesNothing()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        CommandRun.Of(cancelled.Token, Arguments("image.png", Repository.Bundle("shapes"))).AssertError(ExitCode.Cancelled);
        Assert.That(_folder.Files(), Has.None.Match(".*png.tmp"));
        Assert.That(_folder.Files(), Has.None.Match("image\\.output\\.png"));
    }

    private CommandRun Run(string input) => CommandRun.Of(Arguments(input, Repository.Bundle("shapes")));

    private string[] Arguments(string input, string bundle) =>
        ["run", "--model", bundle, "--input", _folder[input], "--output", _folder["results"], "--steps", "1"];

    /// <summary>Runs a copy of the bundle whose manifest was changed.</summary>
    private CommandRun Damaged(Action<JsonObject> change)
    {
        var bundle = CopyBundle();
        var path = Path.Combine(bundle, BundleManifest.FileName);
        var manifest = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(manifest);
        File.WriteAllText(path, manifest.ToJsonString());
        var run = CommandRun.Of(Arguments("image.png", bundle));
        AssertNothingWritten();
        return run;
    }

    /// <summary>Runs a copy of the bundle with a changed network under its right hash.</summary>
    private CommandRun WithModel(string role, Action<OnnxModel> change, bool isRun = false)
    {
        var bundle = CopyBundle();
        var file = Path.Combine(bundle, $"{role}.onnx");
        var model = OnnxModel.Load(file);
        change(model);
        model.Save(file);
        var path = Path.Combine(bundle, BundleManifest.FileName);
        var manifest = JsonNode.Parse(File.ReadAllText(path))!;
        manifest["models"]![role]!["sha256"] = Bundle.Hash(file);
        File.WriteAllText(path, manifest.ToJsonString());
        var run = CommandRun.Of(Arguments("image.png", bundle));
        if (!isRun) AssertNothingWritten();
        return run;
    }

    private string CopyBundle()
    {
        string source = Repository.Bundle("shapes"), target = _folder["bundle"];
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return target;
    }

    private void AssertNothingWritten() => Assert.That(Directory.Exists(_folder["results"]), Is.False, "results were written");
}
