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


    private static IEnumerable<TestCaseData> Labels()
    {
        yield return new(new long[] { 0, -1, 2 }, null, "Objective 'entropy': 1 of a batch's labels are no classes, such as -1, where "
            + "there are 3 classes; expected labels from 0 to one less than the number of classes.");
        yield return new(new long[] { 3, 7, 2 }, null, "2 of a batch's labels are no classes, such as 7, where there are 3 classes");
        yield return new(new long[] { 0, -1, -100 }, -100L, "1 of a batch's labels are no classes, such as -1, where there are 3 classes; "
            + "expected labels from 0 to one less than the number of classes, or -100.");
        yield return new(new long[] { 255, 256, 1 }, 255L, "such as 256");
    }

    [TestCaseSource(nameof(Labels))]
    public void CrossEntropy_OfLabelsThatAreNoClasses_IsRefusedAndChangesNothing(long[] labels, long? ignored, string message)
    {
        using var scope = torch.NewDisposeScope();
        using var network = new TrainableNetwork(Scores());
        using var objective = Entropy(network, ignored);
        using var trainer = new Trainer(network);
        var data = new Dictionary<string, torch.Tensor> { ["x"] = torch.ones(3, 2), ["labels"] = torch.tensor(labels) };
        var before = network["w"].data<float>().ToArray();
        Assert.That(() => objective.Evaluate(data), Throws.TypeOf<TrainingException>().With.Message.Contains(message));
        Assert.That(() => trainer.Step([new TrainingBatch(objective, data)]),
            Throws.TypeOf<TrainingException>().With.Message.Contains(message));
        Assert.That(network["w"].data<float>().ToArray(), Is.EqualTo(before));
        data["labels"] = torch.tensor(new long[] { 0, 1, 2 });
        Assert.That(objective.Evaluate(data).Loss, Is.EqualTo(Math.Log(3)).Within(0.5), "a batch that is right goes on");
    }

    [TestCase(-100)]
    [TestCase(255)]
    [TestCase(1)]
    public void CrossEntropy_WithALabelToIgnore_IsThatOfLibtorch(long ignored)
    {
        using var scope = torch.NewDisposeScope();
        using var network = new TrainableNetwork(Scores());
        using var objective = Entropy(network, ignored);
        var x = torch.tensor(new float[] { 1, 2, -1, 3, 0.5f, -2 }).reshape(3, 2);
        var labels = torch.tensor(new[] { 0, ignored, 2 });
        var weights = network["w"].clone().requires_grad_();
        var expected = F.cross_entropy(x.matmul(weights), labels, ignore_index: ignored);
        expected.backward();
        using var gradient = new FlatMemory(network.Shapes);
        var found = objective.Run(
            new Dictionary<string, torch.Tensor> { ["x"] = x, ["labels"] = labels },
            new Dictionary<TrainableNetwork, FlatMemory> { [network] = gradient }, CancellationToken.None);
        Assert.That(found.Loss, Is.EqualTo(expected.item<float>()).Within(1e-6));
        Assert.That((gradient.Views[0] - weights.grad!).abs().max().item<float>(), Is.LessThan(1e-6f));
    }

    private static OnnxModel Scores()
    {
        var model = new OnnxModel();
        model.OpsetImports[""] = 18;
        model.Graph.Name = "scores";
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 2L]));
        model.Graph.AddInitializer(OnnxTensor.Create<float>("w", [2, 3], [0.1f, 0.2f, -0.1f, 0.3f, 0f, 0.1f]));
        model.Graph.AddNode("MatMul", ["x", "w"], "y");
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 3L]));
        return model;
    }

    private static Objective Entropy(TrainableNetwork network, long? ignored)
    {
        var builder = new ObjectiveBuilder("entropy");
        var y = builder.Add(network, new Dictionary<string, string> { ["x"] = builder.Input("x", "N", 2L) })["y"];
        builder.Term("entropy", builder.CrossEntropy(y, builder.Input("labels", OnnxElementType.Int64, "N"), ignored));
        return builder.Build(TestSetup.Engine);
    }
}
