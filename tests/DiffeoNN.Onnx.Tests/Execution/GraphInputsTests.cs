using DiffeoNN.Onnx.Execution;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Execution;

/// <summary>What <see cref="IGraph.Run"/> says about tensors that do not fit.</summary>
public sealed class GraphInputsTests
{
    private const string Scale = "expected 'image' float32 [N,1,4,4]";

    [Test]
    public void Run_WithUnknownName_ListsInputs() =>
        Refused("scale", "Model 'scale.onnx' has no input 'img'. Inputs: 'image' float32 [N,1,4,4].", ("img", torch.zeros(1, 1, 4, 4)));

    [Test]
    public void Run_WithoutAnInput_NamesIt()
    {
        Refused("scale", "Model 'scale.onnx' needs input 'image' float32 [N,1,4,4]; given: none.");
        Refused("pair", "Model 'pair.onnx' needs input 'b' float32 [N,2]; given: 'a'.", ("a", torch.zeros(1, 2)));
    }

    [Test]
    public void Run_WithAnotherType_SaysWhich() => Refused(
        "scale", $"Input 'image' of model 'scale.onnx' has type float64; {Scale}: convert it, for instance by .to(ScalarType.Float32).",
        ("image", torch.zeros([1, 1, 4, 4], torch.float64)));

    [Test]
    public void Run_WithAnotherShape_SaysWhich()
    {
        Refused("scale", $"Input 'image' of model 'scale.onnx' has shape [1,3,4,4]; {Scale}: dimension 1 must be 1.",
            ("image", torch.zeros(1, 3, 4, 4)));
        Refused("scale", $"Input 'image' of model 'scale.onnx' has shape [4,4]; {Scale}: give it 4 dimensions.",
            ("image", torch.zeros(4, 4)));
    }

    [Test]
    public void Run_WithTwoSizesForOneSymbol_NamesBothInputs() => Refused(
        "pair", "Input 'b' of model 'pair.onnx' has shape [3,2]; expected 'b' float32 [N,2]: N is already 4 in input 'a'.",
        ("a", torch.zeros(4, 2)), ("b", torch.zeros(3, 2)), ("weight", torch.tensor(1f)));

    [Test]
    public void Run_WithVectorForScalar_IsRefused() => Refused(
        "pair", "Input 'weight' of model 'pair.onnx' has shape [4]; expected 'weight' float32 []: give it 0 dimensions.",
        ("a", torch.zeros(4, 2)), ("b", torch.zeros(4, 2)), ("weight", torch.zeros(4)));

    [Test]
    public void Run_WithScalar_Works()
    {
        using var scope = torch.NewDisposeScope();
        using var graph = Graphs.Load("pair");
        var sum = graph.Run(Graphs.Inputs(("a", torch.ones(4, 2)), ("b", torch.ones(4, 2)), ("weight", torch.tensor(3f))))["sum"];

        Assert.That(sum.Equals(torch.full([4, 2], 4f)), Is.True);
    }

    [Test]
    public void Run_WithStridedTensor_AsksForContiguity() => Refused(
        "scale",
        $"Input 'image' of model 'scale.onnx' is not contiguous (shape [1,1,4,4], strides [16,16,1,4]); {Scale}: call .contiguous() first.",
        ("image", torch.zeros(1, 1, 4, 4).transpose(2, 3)));

    [Test]
    public void Run_WithTensorOnAnotherDevice_NamesBoth() => Refused(
        "scale", $"Input 'image' of model 'scale.onnx' lies on meta; {Scale}: this graph runs on cpu; move it there.",
        ("image", torch.zeros([1, 1, 4, 4], device: torch.META)));

    private static void Refused(string model, string message, params (string Name, torch.Tensor Tensor)[] inputs)
    {
        using var graph = Graphs.Load(model);
        Assert.That(() => graph.Run(Graphs.Inputs(inputs)), Throws.TypeOf<GraphException>().With.Message.EqualTo(message));
        foreach (var (_, tensor) in inputs) tensor.Dispose();
    }
}
