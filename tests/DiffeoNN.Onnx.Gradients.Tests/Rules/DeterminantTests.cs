namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

public sealed class DeterminantTests
{
    [TestCase(null, "The rank of 'x' is not known")]
    [TestCase(1, "was expected to have rank 2 or more")]
    public void Determinant_OfWhatIsNoMatrix_SaysSo(int? rank, string reason)
    {
        var model = new OnnxModel { IrVersion = 10, OpsetImports = { [""] = 22 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, rank is null ? null : [2]));
        model.Graph.Nodes.Add(new OnnxNode("Det", ["x"], ["y"]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        Assert.That(() => GradientCompiler.Compile(model), Throws.InstanceOf<GradientException>().With.Message.Contains(reason));
    }
}
