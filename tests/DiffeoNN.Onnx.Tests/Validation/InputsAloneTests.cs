using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>A model that drawn inputs do not suit is validated on inputs that come without outputs.</summary>
[TestFixture]
internal sealed class InputsAloneTests
{
    private static readonly ValidationOptions Options = new() { Execution = FaultModels.Execution };

    [Test]
    public void Run_OnDrawnInputsThatDoNotSuit_SaysHowToGiveOthers()
    {
        using var folder = new TemporaryFolder();
        Model().Save(folder["model.onnx"]);

        Assert.That(() => Validator.Run(folder["model.onnx"], Options), Throws.TypeOf<GraphException>()
            .With.Message.Contains("'shape' is all zeros").And.Message.Contains("--reference FOLDER").And.Message.Contains("input_0.pb"));
    }

    [Test]
    public void Run_OnInputsAlone_ComparesTheEngines()
    {
        using var folder = new TemporaryFolder();
        Model().Save(folder["model.onnx"]);
        SaveInputs(folder);
        File.WriteAllText(folder["test_data_set_0/._y_grad.pb"], "a finder's notes");

        var report = Validator.Run(folder["model.onnx"], Options).Graphs.Single();

        Assert.That(report.Passed, Is.True);
        Assert.That(report.Inputs, Does.EndWith("test_data_set_0"));
        Assert.That(report.Comparisons.Select(comparison => comparison.Source), Does.Contain(ValidationSources.Torch));
        Assert.That(report.Comparisons.Select(comparison => comparison.Baseline), Has.None.EqualTo(ValidationSources.PyTorch));
        var skipped = report.Skipped.Single(skipped => skipped.Quantity == ComparedQuantity.Output);
        Assert.That((skipped.Source, skipped.IsFailure), Is.EqualTo((ValidationSources.PyTorch, false)));
        Assert.That(skipped.Reason, Does.Contain("no outputs (output_0.pb)"));
    }

    [TestCase("y_grad.pb")]
    [TestCase("intermediates/0.pb")]
    [TestCase("output_1.pb")]
    public void Run_OnASetThatLostItsOutputs_IsRefused(string other)
    {
        using var folder = new TemporaryFolder();
        Model().Save(folder["model.onnx"]);
        SaveInputs(folder);
        var path = folder[$"test_data_set_0/{other}"];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        OnnxTensor.Create<float>("y", [1], [1f]).SavePb(path);

        Assert.That(() => Validator.Run(folder["model.onnx"], Options),
            Throws.TypeOf<TensorDataException>().With.Message.Contains("no output_0.pb"));
    }

    private static void SaveInputs(TemporaryFolder folder)
    {
        Directory.CreateDirectory(folder["test_data_set_0"]);
        OnnxTensor.Create<float>("x", [2, 3, 4], [.. Enumerable.Range(0, 24).Select(i => i / 7f)])
            .SavePb(folder["test_data_set_0/input_0.pb"]);
        OnnxTensor.Create<long>("shape", [2], [4, 6]).SavePb(folder["test_data_set_0/input_1.pb"]);
    }

    /// <summary>A reshape, whose sizes cannot be zeros here, and an activation.</summary>
    private static OnnxModel Model()
    {
        var model = new OnnxModel { IrVersion = 8 };
        model.OpsetImports[""] = 16;
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [2, 3, 4]));
        model.Graph.Inputs.Add(new OnnxValueInfo("shape", OnnxElementType.Int64, [2]));
        model.Graph.AddNode("Reshape", ["x", "shape"], "reshaped");
        model.Graph.AddNode("Tanh", ["reshaped"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["A", "B"]));
        return model;
    }
}
