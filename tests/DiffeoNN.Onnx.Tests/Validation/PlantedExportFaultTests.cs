using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation;
using DiffeoNN.Onnx.Validation.Blame;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>Faults of an exported model, of the kinds exporters and people make,
/// are found against PyTorch's values and blamed on their node.</summary>
[TestFixture]
public sealed class PlantedExportFaultTests
{
    private static readonly string Reference = Path.Combine(Repository.Root, "tests", "DiffeoNN.Onnx.Tests", "Fixtures", "reference");

    private static readonly ValidationOptions Options =
        new() { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 }, Gradients = false, Reference = Reference };

    private static IEnumerable<TestCaseData> Faults()
    {
        yield return Fault("a convolution's weights changed by 1 %", model => Scale(model, "onnx::Conv_123", 1.01), "/first/conv/Conv");
        yield return Fault("a convolution's weights changed by 1 % before a normalisation that hides it from the outputs",
            model => Scale(model, "down.weight", 1.01), "/down/Conv");
        yield return Fault("one weight of a convolution changed by 1 %", model => ScaleLargest(model, "down.weight", 1.01), "/down/Conv");
        yield return Fault("one weight of a transposed convolution changed by 1 %", model => ScaleLargest(model, "up.weight", 1.01),
            "/up/ConvTranspose");
        yield return Fault("a padding moved to one side",
            model => Node(model, "/first/conv/Conv").With(OnnxAttribute.Of("pads", [0L, 0, 2, 2])), "/first/conv/Conv");
        yield return Fault(
            "a softmax along another axis", model => Node(model, "/attention/soft/Softmax").With(OnnxAttribute.Of("axis", 1L)),
            "/attention/soft/Softmax", "/attention/Transpose_1", "/attention/MatMul", "/attention/Mul", "/attention/Pow",
            "/attention/Cast");
        yield return Fault("a dropped bias", model => Node(model, "/head/Conv").Inputs.RemoveAt(2), "/head/Conv", "/Concat");
        yield return Fault("a wrong epsilon", model => Node(model, "/before/BatchNormalization").With(OnnxAttribute.Of("epsilon", 1e-2f)),
            "/before/BatchNormalization");
        yield return Fault("a wrong epsilon of another normalisation",
            model => Node(model, "/group/InstanceNormalization").With(OnnxAttribute.Of("epsilon", 1e-3f)), "/group/InstanceNormalization");
        yield return Fault("a wrong slope", model => Node(model, "/first/act/LeakyRelu").With(OnnxAttribute.Of("alpha", 0.01f)),
            "/first/act/LeakyRelu");
        yield return Fault("a missing transpose", model => WithoutTranspose(model, "/attention/Transpose_2"),
            "/attention/Transpose_2", "/attention/Reshape_1", "/attention/Add", "/attention/Transpose", "/attention/Reshape");
        yield return Fault("another interpolation", model => Node(model, "/resize/Resize").With(OnnxAttribute.Of("mode", "nearest")),
            "/resize/Resize");
        yield return Fault(
            "another coordinate convention",
            model => Node(model, "/resize/Resize").With(OnnxAttribute.Of("coordinate_transformation_mode", "align_corners")),
            "/resize/Resize");
        yield return Fault("a changed scale of the attention", model => ScaleConstant(model, "/attention/Constant_5", 0.9),
            "/attention/Pow", "/attention/Transpose_1", "/attention/MatMul", "/attention/Mul", "/attention/Cast",
            "/attention/soft/Softmax");
        yield return Fault("a mean that counts its padding",
            model => Node(model, "/average/AveragePool").With(OnnxAttribute.Of("count_include_pad", 1L)), "/average/AveragePool");
        yield return Fault("a maximum over other windows",
            model => Node(model, "/pool/MaxPool").With(OnnxAttribute.Of("kernel_shape", [1L, 1])), "/pool/MaxPool");
        yield return Fault("a weight that is not transposed", model => Transpose(model, "onnx::MatMul_127"), "/attention/value/MatMul",
            "/attention/value/Add");
        yield return Fault("a factor before a product", model => Node(model, "/gate/Gemm").With(OnnxAttribute.Of("alpha", 1.02f)),
            "/gate/Gemm", "/ReduceMean");

        static TestCaseData Fault(string name, Action<OnnxModel> plant, params string[] nodes) =>
            new TestCaseData(plant, nodes).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Faults))]
    public void Run_OfAFaultyModel_BlamesTheNode(Action<OnnxModel> plant, string[] nodes)
    {
        using var folder = new TemporaryFolder();
        var model = OnnxModel.Load(Path.Combine(Reference, "model.onnx"));
        plant(model);
        model.Save(folder["model.onnx"]);

        var report = Validator.Run(folder["model.onnx"], Options with { BlameFolder = folder["blame"] });

        Assert.That(report.Passed, Is.False);
        var blame = report.Graphs.Single().Blames.Single();
        // Further nodes may only be named where no module of the network ends between them.
        Assert.That(blame.Nodes.Select(node => node.Name), Has.Member(nodes[0]).And.SubsetOf(nodes), blame.Finding);
        if (!nodes[0].StartsWith("/attention/T", StringComparison.Ordinal) && nodes[0] != "/attention/Pow")
            Assert.That(blame.Nodes[0].Name, Is.EqualTo(nodes[0]), blame.Finding);
        Assert.That(blame.Confirmed, Is.True, blame.Finding);
        Assert.That(blame.Finding, Does.Contain($"'{nodes[0]}'").And.Contain("parts from PyTorch at "));
        Assert.That(blame.Baseline, Is.EqualTo(ValidationSources.PyTorch));
        AssertFails(blame.Folder!);
    }

    [Test]
    public void Run_OfTheModelItself_Agrees()
    {
        using var folder = new TemporaryFolder();
        var report = Validator.Run(
            Path.Combine(Reference, "model.onnx"), Options with { Reference = null, Gradients = true, BlameFolder = folder["blame"] });

        Assert.That(report.Passed, Is.True);
        Assert.That(report.Graphs.Single().Comparisons.Count(comparison => comparison.Quantity == ComparedQuantity.Module),
            Is.GreaterThan(10));
        Assert.That(report.Graphs.Single().Inputs, Does.EndWith("test_data_set_0"), "reference tensors beside a model are found");
        Assert.That(report.Graphs.Single().Comparisons.Where(comparison => comparison.Quantity == ComparedQuantity.Gradient), Is.Not.Empty);
        Assert.That(folder["blame"], Does.Not.Exist);
    }

    [Test]
    public void Run_OfTheFolderThatTheToolsWrote_FindsTheModelInIt()
    {
        var report = Validator.Run(Reference, Options with { Reference = null });
        Assert.That((report.Passed, report.Kind), Is.EqualTo((true, "model")));
        Assert.That(report.Graphs.Single().Inputs, Does.EndWith("test_data_set_0"));
    }

    [Test]
    public void Run_WithAShapeForInputsThatAreGiven_IsRefused()
    {
        var shapes = new Dictionary<string, IReadOnlyList<long>> { ["image"] = [1, 1, 8, 8] };
        Assert.That(() => Validator.Run(Reference, Options with { Shapes = shapes }),
            Throws.TypeOf<GraphException>().With.Message.Contains("reference tensors in"));
    }

    [Test]
    public void Run_WithoutValuesFromInside_SaysHowToWriteThem()
    {
        using var folder = new TemporaryFolder();
        var model = OnnxModel.Load(Path.Combine(Reference, "model.onnx"));
        Scale(model, "onnx::Conv_123", 1.01);
        model.Save(folder["model.onnx"]);
        Directory.CreateDirectory(folder["test_data_set_0"]);
        foreach (var file in Directory.GetFiles(Path.Combine(Reference, "test_data_set_0"), "*.pb"))
            File.Copy(file, Path.Combine(folder["test_data_set_0"], Path.GetFileName(file)));

        var blame = Validator.Run(folder["model.onnx"], Options with { Reference = null }).Graphs.Single().Blames.Single();

        Assert.That(blame.Nodes, Is.Empty);
        Assert.That(blame.Finding, Does.Contain("diffeonn_tools reference"));
    }

    /// <summary>What was saved is a model that loads, with inputs, and an output that it does not give.</summary>
    private static void AssertFails(string folder)
    {
        var report = Validator.Run(Path.Combine(folder, "model.onnx"), Options with { Reference = null, Blame = false });
        Assert.That(report.Passed, Is.False, folder);
        Assert.That(report.Graphs.Single().Comparisons.Where(comparison => comparison.Baseline == ValidationSources.PyTorch), Is.Not.Empty);
    }

    private static OnnxNode Node(OnnxModel model, string name) => model.Graph.Nodes.Single(node => node.Name == name);

    private static void WithoutTranspose(OnnxModel model, string name)
    {
        Node(model, name).OpType = "Identity";
        Node(model, name).Attributes.Clear();
    }

    private static void Scale(OnnxModel model, string weight, double factor) =>
        Change(model, weight, values => [.. values.Select(value => factor * value)]);

    private static void ScaleLargest(OnnxModel model, string weight, double factor) => Change(model, weight, values =>
    {
        values[Array.IndexOf(values, values.MaxBy(Math.Abs))] *= factor;
        return values;
    });

    private static void Transpose(OnnxModel model, string weight) =>
        Change(model, weight, values => [.. Enumerable.Range(0, 64).Select(i => values[(i % 8 * 8) + (i / 8)])]);

    private static void Change(OnnxModel model, string weight, Func<double[], double[]> change)
    {
        var tensor = model.Graph.Initializers[weight];
        model.Graph.AddInitializer(OnnxTensor.FromDoubles(weight, tensor.ElementType, tensor.Dimensions, change(tensor.ToDoubleArray())));
    }

    private static void ScaleConstant(OnnxModel model, string node, double factor)
    {
        var tensor = Node(model, node).Attributes["value"].Tensor;
        Node(model, node).With(OnnxAttribute.Of("value", OnnxTensor.FromDoubles(tensor.Name, tensor.ElementType, tensor.Dimensions,
            [.. tensor.ToDoubleArray().Select(value => factor * value)])));
    }
}
