using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Validation;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>Programs in other languages answer as ONNX Runtime does here.</summary>
[TestFixture]
public sealed class ExportExampleTests
{
    private const double Tolerance = 1e-4;

    private static string Examples => Path.Combine(Repository.Root, "tools", "export-examples");

    [TestCase("lungs")]
    [TestCase("shapes")]
    [TestCase("genus")]
    public void Node_AnswersAsHere(string bundle)
    {
        var packages = NodePackages.With("onnxruntime-node", "pngjs");
        using var folder = new TemporaryFolder();
        // Packages are looked for beside the program.
        File.Copy(Path.Combine(Examples, "answer.mjs"), folder["answer.mjs"]);
        Directory.CreateSymbolicLink(folder["node_modules"], packages);
        try
        {
            AssertAsHere(bundle, folder, (model, image, answer) =>
                NodePackages.Run("node", folder.Path, folder["answer.mjs"], model, image, answer));
        }
        finally
        {
            // The link alone, not what it leads to.
            Directory.Delete(folder["node_modules"]);
        }
    }

    [TestCase("lungs")]
    [TestCase("shapes")]
    [TestCase("genus")]
    public void Python_AnswersAsHere(string bundle)
    {
        var python = Environment.GetEnvironmentVariable("DIFFEONN_PYTHON") ?? "/usr/bin/python3";
        using var folder = new TemporaryFolder();
        var (code, _, error) = NodePackages.Run(python, folder.Path, "-c", "import numpy, onnxruntime, PIL");
        if (code != 0 && error.Contains("ModuleNotFoundError", StringComparison.Ordinal))
            Assert.Ignore($"'{python}' lacks a module: {error.TrimEnd().Split('\n')[^1]}");
        Assert.That(code, Is.Zero, error);
        AssertAsHere(bundle, folder, (model, image, answer) =>
            NodePackages.Run(python, folder.Path, Path.Combine(Examples, "answer.py"), model, image, answer));
    }

    private static void AssertAsHere(
        string name, TemporaryFolder folder, Func<string, string, string, (int Code, string Output, string Error)> run)
    {
        var export = CommandRun.Of("export", "--model", Repository.Bundle(name), "-o", folder["m.onnx"], "--input", "photo");
        Assert.That(export.Code, Is.EqualTo(ExitCode.Success), export.Error);
        // The last of the reference images is one that maps are found for.
        ImageFile.WritePng(folder["image.png"], ExportValidation.ReferenceImages(Bundle.Load(Repository.Bundle(name)))[^1]);
        var image = ImageFile.Read(folder["image.png"], 1);

        var (code, output, error) = run(folder["m.onnx"], folder["image.png"], folder["answer.bin"]);

        Assert.That(code, Is.Zero, error);
        byte[] bytes = [.. image.Data.ToArray().Select(value => (byte)MathF.Round(value * 255))];
        using var session = new InferenceSession(folder["m.onnx"]);
        using var here = session.Run([NamedOnnxValue.CreateFromTensor(
            "photo", new DenseTensor<byte>(bytes, [image.Height, image.Width, 1]))]);
        var expected = here.ToDictionary(value => value.Name);
        var answer = expected["answer"].AsTensor<float>().ToArray();
        var found = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(folder["answer.bin"])).ToArray();
        Assert.That(found, Is.EqualTo(answer).Within(Tolerance));
        var said = JsonNode.Parse(output)!;
        Assert.That(said["answer"]!.AsArray().Select(size => (int)size!),
            Is.EqualTo(expected["answer"].AsTensor<float>().Dimensions.ToArray()));
        var accepted = expected["accepted"].AsTensor<bool>().ToArray();
        Assert.That(accepted, Has.Some.True, "a map is found");
        Assert.That(said["accepted"]!.AsArray().Select(map => (bool)map!), Is.EqualTo(accepted));
        var energies = said["energy"]!.AsArray().Select(value => (double)value!).ToArray();
        foreach (var (own, energy) in energies.Zip(expected["energy"].AsTensor<float>()))
            Assert.That(own, Is.EqualTo(energy).Within(Tolerance * Math.Abs(energy)));
    }
}
