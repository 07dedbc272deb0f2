using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>Graphs that leave nothing to compare are refused, not said to disagree.</summary>
[TestFixture]
public sealed class EmptyGraphTests
{
    [TestCase(true, "'model.onnx' has no outputs, so there is nothing to compare.")]
    [TestCase(false, "'model.onnx' has no nodes, so there is nothing to compare.")]
    public void Run_OfGraphWithoutOutputsOrNodes_SaysThatThereIsNothingToCompare(bool hasNodes, string message)
    {
        using var folder = new TemporaryFolder();
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17 } };
        var graph = model.Graph;
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [1, 2]));
        if (hasNodes) graph.AddNode("Relu", ["x"], "y");
        else graph.Outputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [1, 2]));
        model.Save(folder["model.onnx"]);
        Assert.That(() => Validator.Run(folder["model.onnx"]), Throws.TypeOf<GraphException>().With.Message.EqualTo(message));
    }
}
