using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.ImageSharp;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Shapes;
using DiffeoNN.Onnx.Torch;
using Microsoft.ML.OnnxRuntime;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace DiffeoNN.Onnx.PublicApi.Tests;

/// <summary>The READMEs' examples, run as they are printed.</summary>
[TestFixture]
[NonParallelizable]
public sealed class ReadmeExamples
{
    private string _folder = null!;
    private string _previous = null!;

    [SetUp]
    public void EnterAFolderWithWhatTheExamplesName()
    {
        _folder = Directory.CreateTempSubdirectory("diffeonn-readme-").FullName;
        _previous = Directory.GetCurrentDirectory();
        Directory.SetCurrentDirectory(_folder);
        Directory.CreateSymbolicLink("models", Path.Combine(Repository.Root, "models"));
        File.Copy(Path.Combine(Repository.Root, "models", "shapes", "critic.onnx"), "critic.onnx");
        ImageFile.WritePng("image.png", ShapesGenerator.Generate(3, 0).Image);
    }

    [TearDown]
    public void LeaveIt()
    {
        Directory.SetCurrentDirectory(_previous);
        File.Delete(Path.Combine(_folder, "models"));
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void EquivariantModel_Example()
    {
        // <example>
        using var model = EquivariantModel.Load("models/shapes");
        using var result = model.Run([ImageFile.Read("image.png")]);

        var (output, search) = (result.Images[0].Output, result.Images[0].Canonicalisation);
        Console.WriteLine($"{output.Labels!.Labels.Count((byte)1)} pixels of class 1");
        Console.WriteLine($"energy {search.InputEnergy:F2} -> {search.CanonicalEnergy:F2} in {search.Steps} steps");
        Console.WriteLine($"smallest determinant {search.Diagnostics.MinimumDeterminant:F3}");
        // </example>
        Assert.That(search.CanonicalEnergy, Is.LessThanOrEqualTo(search.InputEnergy));
        Assert.That(search.Diagnostics.MinimumDeterminant, Is.Positive);
    }

    [Test]
    public void Classifier_Example()
    {
        ImageFile.WritePng("digit.png", new ImageBuffer(1, 28, 28));
        // <class-example>
        using var model = EquivariantModel.Load("models/genus");
        using var result = model.Run([ImageFile.Read("digit.png")]);

        var output = result.Images[0].Output;
        Console.WriteLine($"{output.NameOf(output.Class!.Value)}, score {output.Scores![output.Class.Value]:F2}");
        // </class-example>
        Assert.That(output.Scores!.Max(), Is.EqualTo(output.Scores![output.Class!.Value]));
        Assert.That(output.Labels, Is.Null);
    }

    [Test]
    public void GradientCompiler_Example()
    {
        // <sum-example>
        var options = new GradientOptions { Inputs = ["image"], Seed = GradientSeed.Ones };
        var gradient = GradientCompiler.Compile(OnnxModel.Load("critic.onnx"), options);
        gradient.Save("critic.gradient.onnx"); // the original outputs, and image_grad
        // </sum-example>
        Assert.That(OnnxModel.Load("critic.gradient.onnx").Graph.Outputs.Select(output => output.Name),
            Is.SupersetOf(new[] { "score", "image_grad" }));
    }

    [Test]
    public void GradientPackage_Examples()
    {
        // <package-example>
        var model = OnnxModel.Load("critic.onnx");
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Inputs = ["image"] });
        gradient.Save("critic.gradient.onnx");

        foreach (var value in gradient.Graph.RequiredInputs) Console.WriteLine($"in:  {value}");
        foreach (var value in gradient.Graph.Outputs) Console.WriteLine($"out: {value}");
        // </package-example>

        // <package-example>
        using var session = new InferenceSession("critic.gradient.onnx");
        using var options = new RunOptions();
        using var image = OrtValue.CreateTensorValueFromMemory(new float[128 * 128], [1, 1, 128, 128]);
        using var upstream = OrtValue.CreateTensorValueFromMemory(new float[] { 1 }, [1]);
        using var results = session.Run(options, ["image", "score_grad"], [image, upstream], ["score", "image_grad"]);
        Console.WriteLine($"score {results[0].GetTensorDataAsSpan<float>()[0]}, derivative of the first pixel "
            + $"{results[1].GetTensorDataAsSpan<float>()[0]}");
        // </package-example>
        Assert.That(results[1].GetTensorTypeAndShape().Shape, Is.EqualTo(new long[] { 1, 1, 128, 128 }));
        Assert.That(results[1].GetTensorDataAsSpan<float>().ToArray(), Has.Some.Not.Zero);
    }

    [Test]
    public void OperatorSet_Example()
    {
        SquaredRelu.Model().Save("squared.onnx");
        // <operator-example>
        var squaredRelu = new OperatorDefinition("SquaredRelu", GradientRule.Expanded(1, node =>
        {
            var positive = node.X.Apply("Relu");
            return [positive * positive * node.Node.GetFloat("factor", 1)];
        }))
        {
            Domain = "com.example",
            Takes = new InputCount(1, 1),
            Attributes = [new OperatorAttribute("factor", OnnxAttributeKind.Float)],
            Shapes = node => [new ValueFacts(node.Type(0), node.Shape(0))],
        };
        var options = new GradientOptions { Operators = OperatorSet.Default.With(squaredRelu) };
        var gradient = GradientCompiler.Compile(OnnxModel.Load("squared.onnx"), options);
        // </operator-example>

        // <operator-example>
        var byFormula = squaredRelu with
        {
            Gradients = [new GradientRule(1, node => [() => node.dY * node.X.Apply("Relu") * (2 * node.Node.GetFloat("factor", 1))])],
        };
        // </operator-example>
        using var session = new InferenceSession(gradient.ToBytes());
        var actual = SquaredRelu.Run(session, [-1, 0.5f, 2], [1, 10, 100]);
        Assert.That(actual, Is.EqualTo(new float[] { 0, 30, 1200 }).Within(1e-4), "factor 3: dX = dY * 6 * max(X, 0)");
        var formula = GradientCompiler.Compile(
            OnnxModel.Load("squared.onnx"), options with { Operators = OperatorSet.Default.With(byFormula) });
        Assert.That(formula.Graph.Nodes.Select(node => node.OpType), Does.Contain("SquaredRelu").And.Contain("Relu"),
            "by a formula the operator stays in the forward graph");
    }

    [Test]
    public void ImageSharpPackage_Example()
    {
        // <imagesharp-example>
        using var picture = new Image<Rgb24>(96, 96); // what the program holds
        using var model = EquivariantModel.Load("models/shapes");
        using var result = model.Run([picture]);
        using var mask = result.Images[0].Output.ToPicture<L8>();
        Console.WriteLine($"{mask.Width}x{mask.Height}");
        // </imagesharp-example>
        Assert.That((mask.Width, mask.Height), Is.EqualTo((96, 96)));
    }

    [Test]
    public void TorchPackage_Example()
    {
        // <torch-example>
        TorchEngine.Register();
        var execution = new ExecutionOptions { Engine = EngineKind.Torch };
        using var model = EquivariantModel.Load("models/shapes", new EquivariantOptions { Execution = execution });
        using var result = model.Run([ImageFile.Read("image.png")]);
        Console.WriteLine($"{model.Engine}: {result.Images[0].Output.Labels!.Labels.Count((byte)1)} pixels of class 1");
        // </torch-example>
        Assert.That(model.Engine, Is.EqualTo(EngineKind.Torch));
    }

    [TestCase("README.md", "example", 1)]
    [TestCase("README.md", "class-example", 1)]
    [TestCase("src/DiffeoNN.Onnx.Gradients/README.md", "sum-example", 1)]
    [TestCase("src/DiffeoNN.Onnx.Gradients/README.md", "package-example", 2)]
    [TestCase("src/DiffeoNN.Onnx.Gradients/README.md", "operator-example", 2)]
    [TestCase("src/DiffeoNN.Onnx.ImageSharp/README.md", "imagesharp-example", 1)]
    [TestCase("src/DiffeoNN.Onnx.Torch/README.md", "torch-example", 1)]
    public void Examples_AreTheReadmesOwn(string file, string mark, int count)
    {
        var readme = Plain(File.ReadAllText(Path.Combine(Repository.Root, file)));
        var source = File.ReadAllText(Path.Combine(Repository.Root, "tests", "DiffeoNN.Onnx.PublicApi.Tests", "ReadmeExamples.cs"));
        string[] examples = [.. source.Split($"// <{mark}>\n").Skip(1).Take(count).Select(part => part.Split($"// </{mark}>")[0])];
        Assert.That(examples, Has.Length.EqualTo(count));
        foreach (var example in examples) Assert.That(readme, Does.Contain(Plain(example)));
    }

    private static string Plain(string text) =>
        string.Join('\n', text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
}
