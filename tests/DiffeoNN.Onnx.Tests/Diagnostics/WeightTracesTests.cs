using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Diagnostics;

/// <summary>What tells trained weights from those that were drawn.</summary>
[TestFixture]
internal sealed class WeightTracesTests
{
    private const int Seeds = 30;

    [TestCase("uniform")]
    [TestCase("normal")]
    [TestCase("laplace")]
    [TestCase("shifted")]
    [TestCase("orthogonal")]
    public void DrawnWeights_BearNone(string law)
    {
        for (var seed = 0; seed < Seeds; seed++)
        {
            foreach (var (name, model) in new[]
            {
                ("matrix", Matrix(5, 1024)), ("small", Matrix(4, 16)), ("kernels", Kernels(3)), ("deep", Deep()),
            })
            {
                var traces = WeightTraces.Of(model);
                Assert.That(traces.AreUntrained, Is.True, $"{name}, seed {seed}: {traces.Strongest:F1} of {traces.Needed:F1}");
            }

            OnnxModel Matrix(int rows, int columns) => Network(Draw(law, seed, rows, columns));
            OnnxModel Kernels(int rows) => Network(Draw(law, seed, rows, 1, 3, 3));
            OnnxModel Deep() => Network(
                Draw(law, seed, 16, 1, 3, 3), Draw(law, seed + 100, 32, 16, 3, 3), Draw(law, seed + 200, 64, 32, 3, 3),
                Draw(law, seed + 300, 7, 1024));
        }
    }

    [Test]
    public void ScaleOfRows_AsStatisticsFoldedIntoThemGiveIt_IsNone()
    {
        var weights = Draw("normal", 1, 32, 16, 3, 3);
        var values = weights.ToDoubleArray();
        for (var i = 0; i < values.Length; i++) values[i] *= Math.Exp(i / 144 % 5);
        Assert.That(WeightTraces.Of(Network(OnnxTensor.FromDoubles("w", OnnxElementType.Float, weights.Dimensions, values))).AreUntrained);
    }

    [TestCase("smooth kernels")]
    [TestCase("overlapping rows")]
    [TestCase("inputs that count for more")]
    public void WeightsThatHaveToDoWithOneAnother_BearSome(string what)
    {
        var weights = Draw("normal", 1, 16, 8, 3, 3);
        var values = weights.ToDoubleArray();
        for (var i = values.Length - 1; i >= 0; i--)
        {
            values[i] += what switch
            {
                "smooth kernels" => 0.7 * values[i - (i % 9)],
                "overlapping rows" => 0.7 * values[i % 72] * ((i / 72 % 2 * 2) - 1),
                _ => 2 * values[i] * (i / 9 % 2),
            };
        }

        var traces = WeightTraces.Of(Network(OnnxTensor.FromDoubles("w", OnnxElementType.Float, weights.Dimensions, values)));
        Assert.That(traces.AreUntrained, Is.False, $"{traces.Strongest:F1} of {traces.Needed:F1}");
        // One layer that bears some is enough: others may be frozen.
        Assert.That(WeightTraces.Of(Network(Draw("uniform", 3, 16, 8, 3, 3),
            OnnxTensor.FromDoubles("w", OnnxElementType.Float, weights.Dimensions, values))).AreUntrained, Is.False);
    }

    [Test]
    public void FixedFilters_TellNothing()
    {
        var ones = OnnxTensor.Create<float>("w", [4, 1, 3, 3], [.. Enumerable.Repeat(1f / 9, 36)]);
        var traces = WeightTraces.Of(Network(ones));
        Assert.That((traces.Drawn, traces.AreUntrained), Is.EqualTo((0, false)));
        Assert.That(WeightTraces.Of(Network(ones, Draw("normal", 2, 8, 4, 3, 3))).AreUntrained, Is.True);
    }

    [TestCase("shapes")]
    [TestCase("lungs")]
    [TestCase("genus")]
    public void TrainedNetworks_BearMany(string name)
    {
        var traces = WeightTraces.Of(OnnxModel.Load(Path.Combine(Repository.Bundle(name), "inner.onnx")));
        Assert.That(traces.Strongest, Is.GreaterThan(2 * traces.Needed));
    }

    [TestCase("mnist_cnn_torch2.9")]
    [TestCase("mnist_conv_bn_torch2.0")]
    [TestCase("road_segmentation_adas")]
    [TestCase("light_squeezenet")]
    public void PublishedNetworks_BearMany(string name)
    {
        var traces = WeightTraces.Of(OnnxModel.Load(Repository.Shared($"onnx-models/{name}/model.onnx")));
        Assert.That(traces.AreUntrained, Is.False, $"{traces.Strongest:F1} of {traces.Needed:F1}");
    }

    private static OnnxTensor Draw(string law, int seed, params long[] shape)
    {
        var random = new Random(seed);
        int count = (int)shape.Aggregate((a, b) => a * b), rows = (int)shape[0], width = count / rows;
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double[] values = [.. Enumerable.Range(0, count).Select(_ => law switch
        {
            "uniform" => random.NextDouble() - 0.5,
            "shifted" => random.NextDouble(),
            "laplace" => Math.Log(random.NextDouble() + 1e-9) * (random.Next(2) == 0 ? 1 : -1),
            _ => Normal(),
        })];
        if (law == "orthogonal" && rows <= width)
        {
            // Gram and Schmidt.
            for (var row = 0; row < rows; row++)
            {
                var own = values.AsSpan(row * width, width);
                for (var other = 0; other < row; other++)
                {
                    var before = values.AsSpan(other * width, width);
                    var overlap = System.Numerics.Tensors.TensorPrimitives.Dot<double>(own, before);
                    for (var j = 0; j < width; j++) own[j] -= overlap * before[j];
                }

                var length = System.Numerics.Tensors.TensorPrimitives.Norm<double>(own);
                for (var j = 0; j < width; j++) own[j] /= length;
            }
        }

        return OnnxTensor.FromDoubles("w", OnnxElementType.Float, shape, values);
    }

    /// <summary>Layers side by side: which values go through them does not matter.</summary>
    private static OnnxModel Network(params OnnxTensor[] weights)
    {
        var network = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        foreach (var tensor in weights)
        {
            _ = tensor.Dimensions.Count == 2
                ? network.Node("Gemm", "pixels", [tensor], OnnxAttribute.Of("transB", 1L))
                : network.Node("Conv", "pixels", [tensor]);
        }

        return network.Model;
    }
}
