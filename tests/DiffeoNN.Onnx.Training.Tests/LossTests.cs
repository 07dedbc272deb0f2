using DiffeoNN.Onnx.Gradients;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Every loss beside libtorch's: its value, and its gradient by one step along it.</summary>
public sealed class LossTests
{
    private static readonly long[] Shape = [3, 4, 5];

    private static IEnumerable<TestCaseData> Cases()
    {
        static TestCaseData Case(
            string name, Func<ObjectiveBuilder, string, string, string> ours, Func<torch.Tensor, torch.Tensor, torch.Tensor> theirs) =>
            new TestCaseData(ours, theirs).SetArgDisplayNames(name);
        yield return Case("MeanSquaredError", Losses.MeanSquaredError, (x, t) => F.mse_loss(x, t));
        yield return Case("MeanAbsoluteError", Losses.MeanAbsoluteError, (x, t) => F.l1_loss(x, t));
        yield return Case("BinaryCrossEntropy", Losses.BinaryCrossEntropy, (x, t) => F.binary_cross_entropy_with_logits(x, t));
        yield return Case("SoftCrossEntropy", (b, x, t) => b.SoftCrossEntropy(x, b.Op("Softmax", [t], OnnxAttribute.Of("axis", 1L))),
            (x, t) => -(t.softmax(1) * x.log_softmax(1)).sum(1).mean());
        yield return Case("Dice", (b, x, t) => b.Dice(b.Op("Sigmoid", [x]), t), (x, t) =>
        {
            var p = x.sigmoid();
            return (1 - ((2 * (p * t).sum(2)) + 1) / (p.sum(2) + t.sum(2) + 1)).mean();
        });
        yield return Case("KullbackLeibler", (b, x, t) => b.KullbackLeibler(x, t),
            (x, t) => -0.5 * (1 + t - x.square() - t.exp()).sum(new long[] { 1, 2 }).mean());
        yield return Case("LatentSample", (b, x, t) => b.Mean(b.Mul(b.LatentSample(x, x, t), t)),
            (x, t) => ((x + ((x / 2).exp() * t)) * t).mean());
        yield return Case("CriticHinge", (b, x, t) => b.CriticHinge(x, b.Mul(x, t)),
            (x, t) => (1 + x).relu().mean() + (1 - (x * t)).relu().mean());
        yield return Case("CriticWasserstein", (b, x, t) => b.CriticWasserstein(x, b.Mul(x, t)), (x, t) => x.mean() - (x * t).mean());
        yield return Case("GradientPenalty", (b, x, t) => b.GradientPenalty(b.Mul(x, t)),
            (x, t) => ((x * t).square().sum(new long[] { 1, 2 }).sqrt() - 1).square().mean());
        yield return Case("CrossEntropy", (b, x, t) => b.CrossEntropy(x, b.Op("Cast", [b.Op("Floor",
            [b.Op("ReduceSum", [b.Mul(t, 0.75), b.Integers(1)], OnnxAttribute.Of("keepdims", 0L))])], OnnxAttribute.Of("to", 7L))),
            (x, t) => F.cross_entropy(x, (t * 0.75f).sum(1).floor().to(torch.int64)));
    }

    [TestCaseSource(nameof(Cases))]
    public void Loss_IsThatOfLibtorch(
        Func<ObjectiveBuilder, string, string, string> ours, Func<torch.Tensor, torch.Tensor, torch.Tensor> theirs)
    {
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(9);
        var (x, target) = (torch.randn(Shape), torch.rand(Shape));
        // The network is its weight: an image of zeros plus it.
        var model = new OnnxModel();
        model.OpsetImports[""] = 18;
        model.Graph.Name = "weight";
        model.Graph.Inputs.Add(new OnnxValueInfo("zero", OnnxElementType.Float, [1L]));
        model.Graph.AddInitializer(OnnxTensor.Create<float>("w", Shape, x.data<float>().ToArray()));
        model.Graph.AddNode("Add", ["zero", "w"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [.. Shape.Select(OnnxDimension.Of)]));
        using var network = new TrainableNetwork(model);
        var builder = new ObjectiveBuilder("loss");
        var y = builder.Add(network, new Dictionary<string, string> { ["zero"] = builder.Input("zero", 1L) })["y"];
        builder.Term("loss", ours(builder, y, builder.Input("target", [.. Shape.Select(OnnxDimension.Of)])), 2);
        using var objective = builder.Build(TestSetup.Engine);
        using var gradients = new FlatMemory(network.Shapes);
        var parameter = x.clone().requires_grad_();
        var expected = 2 * theirs(parameter, target);
        expected.backward();

        var value = objective.Run(
            new Dictionary<string, torch.Tensor> { ["zero"] = torch.zeros(1), ["target"] = target },
            new Dictionary<TrainableNetwork, FlatMemory> { [network] = gradients }, CancellationToken.None);

        Assert.That(value.Loss, Is.EqualTo(expected.item<float>()).Within(1e-5));
        Assert.That(value.Terms["loss"], Is.EqualTo(expected.item<float>() / 2).Within(1e-5));
        Assert.That((gradients.Views[0] - parameter.grad!).abs().max().item<float>(), Is.LessThan(1e-6f));
    }
}
