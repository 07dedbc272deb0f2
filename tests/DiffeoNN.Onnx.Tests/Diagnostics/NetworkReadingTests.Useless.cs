using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.Tests.Diagnostics;

/// <content>Networks that mean nothing, and those that look as if.</content>
internal sealed partial class NetworkReadingTests
{
    [Test]
    public void UselessNetworks_AreNoticed()
    {
        var same = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        same.Output("logits", same.Head("pixels", 1, 3, 0, 0, 0), OnnxElementType.Float, "N", 3);
        Assert.That(Warnings(same), Is.EqualTo(new[] { "output 'logits' is the same for all 8 images" }));

        var undecided = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        undecided.Output("logits", undecided.Convolution("pixels", 1, 3, scale: 1e-3f), OnnxElementType.Float, "N", 3, 32, 32);
        Assert.That(Warnings(undecided), Has.Some.EqualTo(
            "answers are as undecided as by chance: their entropy is 1.00 of the largest there is"));

        var infinite = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        infinite.Output("logits", infinite.Node("Log", infinite.Head("pixels", 1, 3, -1, 0, 1)), OnnxElementType.Float, "N", 3);
        Assert.That(Warnings(infinite), Is.EqualTo(new[] { "output 'logits' has values that are not finite" }));

        string[] Warnings(SmallNetwork network) =>
            [.. NetworkReading.Of(network.Save(_folder["network.onnx"]), Shapes).Findings.Select(finding => finding.Text)];
    }

    [Test]
    public void NetworkThatIsHalfSureOfSmallValues_IsNotGivenLargeOnes()
    {
        // Which half is brighter: of values of 0 to 255 it would be quite sure.
        var network = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        var pooled = network.Node("AveragePool", "pixels", OnnxAttribute.Of("kernel_shape", [8L, 8]), OnnxAttribute.Of("strides", [8L, 8]));
        float[] weights = [.. Enumerable.Range(0, 32).Select(i => (i % 4 < 2) == (i < 16) ? 1.4f : -1.4f)];
        var logits = network.Node("Gemm", network.Node("Flatten", pooled),
            [OnnxTensor.Create<float>("w", [2, 16], weights)], OnnxAttribute.Of("transB", 1L));
        var path = network.Output("logits", logits, OnnxElementType.Float, "N", 2).Save(_folder["network.onnx"]);
        ImageBuffer[] images = [.. Enumerable.Range(0, 8).Select(i => Grey(0.5f))];
        for (var i = 0; i < images.Length; i++)
            for (var row = 0; row < 32; row++) images[i].Data.Slice(row * 32, 16).Fill(i % 2 == 0 ? 0.4f : 0.6f);

        Assert.That(NetworkReading.Of(path, images).Input.Range, Is.Null);
    }

    [Test]
    public void TrainedNetworkOfFewWeights_IsNoticedByItsSureness()
    {
        // Which half is brighter: weights that training on a few images ends with, of which no measure tells that they are no others.
        var network = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        var random = new Random(5);
        var pooled = network.Node("AveragePool", "pixels", OnnxAttribute.Of("kernel_shape", [8L, 8]), OnnxAttribute.Of("strides", [8L, 8]));
        float[] weights =
            [.. Enumerable.Range(0, 32).Select(i => ((i % 4 < 2) == (i < 16) ? 60 : -60) * (0.7f + (0.6f * random.NextSingle())))];
        var logits = network.Node("Gemm", network.Node("Flatten", pooled),
            [OnnxTensor.Create<float>("w", [2, 16], weights)], OnnxAttribute.Of("transB", 1L));
        var path = network.Output("logits", logits, OnnxElementType.Float, "N", 2).Save(_folder["network.onnx"]);

        Assert.That(WeightTraces.Of(network.Model).AreUntrained, Is.True);
        Assert.That(NetworkReading.Of(path, Shapes).Findings.Select(finding => finding.Text), Has.None.Contains("as they were drawn"));
    }

    // A range of 0 to 255 makes any network sure, one that was never trained too.
    [TestCase(1)]
    [TestCase(255)]
    public void UntrainedNetwork_IsNoticedHoweverLargeItsInputsAre(int range)
    {
        var random = new Random(5);
        var network = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        var pooled = network.Node("AveragePool", "pixels", OnnxAttribute.Of("kernel_shape", [8L, 8]), OnnxAttribute.Of("strides", [8L, 8]));
        var logits = network.Node("Gemm", network.Node("Flatten", pooled),
            [OnnxTensor.Create<float>("w", [4, 16], [.. Enumerable.Range(0, 64).Select(_ => (random.NextSingle() - 0.5f) / 2)])],
            OnnxAttribute.Of("transB", 1L));
        var path = network.Output("logits", logits, OnnxElementType.Float, "N", 4).Save(_folder["network.onnx"]);

        var told = NetworkReading.Of(path, Shapes, range == 1 ? null : new ReadingOptions { Range = range });

        Assert.That(told.Findings.Select(finding => finding.Text), Has.Some.EqualTo(
            "its weights are as they were drawn before training: none bears a trace of it"));
        Assert.That(told.Input.Range, Is.EqualTo(range == 1 ? null : 255.0), "nothing is guessed from its answers");
    }
}
