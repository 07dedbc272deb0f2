using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Answers;

/// <summary>Segmentations and images as networks export them: whatever their layout, type and resolution, they say the same.</summary>
[TestFixture]
internal sealed class PlaneTests
{
    private const int Height = AnswerBundle.Height, Width = AnswerBundle.Width;
    private static readonly JsonArray Names = ["ground", "rim", "core"];

    [Test]
    public void Segmentation_OfAnyLayoutAndType_IsThatOfTheScores(
        [Values("last", "half", "double", "int64", "int32 plane", "uint8", "int64 last", "bool")] string form)
    {
        using var plain = new AnswerBundle(
            graph => graph.Output("logits", Scores(graph), OnnxElementType.Float, "N", 3, Height, Width),
            KnownMap.Output("logits", "segmentation", ("activation", "softmax"), ("classes", Names.DeepClone())),
            KnownMap.Turn, KnownMap.Growth);
        using var other = Exported(form);

        ModelOutput expected = KnownMap.Alone(plain), found = KnownMap.Alone(other);
        Assert.That(found.Planes!.Channels, Is.EqualTo(form == "bool" ? 2 : 3));
        int[] wanted = [.. expected.Labels!.Labels.ToArray().Select(label => form == "bool" ? Math.Min(label, (byte)1) : label)];
        int[] labels = [.. found.Labels!.Labels.ToArray()];
        Assert.That(wanted.Distinct().Count(), Is.GreaterThan(1));
        Assert.That(labels.Zip(wanted).Count(pair => pair.First != pair.Second), Is.LessThanOrEqualTo(form == "half" ? 6 : 0));

        // Through a map, one-hot planes and probabilities are blended at edges only.
        ModelOutput mapped = KnownMap.Run(plain), back = KnownMap.Run(other);
        wanted = [.. mapped.Labels!.Labels.ToArray().Select(label => form == "bool" ? Math.Min(label, (byte)1) : label)];
        var different = back.Labels!.Labels.ToArray().Zip(wanted).Count(pair => pair.First != pair.Second);
        Assert.That(different, Is.LessThan(30), $"of {Height * Width} pixels");
        Assert.That(wanted.Zip(expected.Labels.Labels.ToArray()).Count(pair => pair.First > 0 != pair.Second > 0), Is.LessThan(25),
            "the answer follows the image");
    }

    [TestCase(2, false)]
    [TestCase(4, false)]
    [TestCase(5, true)]
    public void Segmentation_AtAFractionOfTheResolution_IsEnlargedBetweenTheCentresOfPixels(int stride, bool isStated)
    {
        int rows = Height / stride, columns = isStated ? 16 : Width / stride;
        float[] logits = [.. Enumerable.Range(0, rows * columns).Select(i => (float)(3 * Math.Sin(i * 1.7)))];
        var output = KnownMap.Output("logits", "segmentation", ("activation", "sigmoid"));
        if (isStated) output["resolution"] = new JsonArray(rows, columns);
        using var bundle = new AnswerBundle(
            graph => graph.Output("logits", graph.Constant([1, 1, rows, columns], logits), OnnxElementType.Float, "N", 1, rows, columns),
            output);

        var planes = KnownMap.Alone(bundle).Planes!;

        for (var row = 0; row < Height; row++)
            for (var column = 0; column < Width; column++)
            {
                var y = Math.Clamp(((row + 0.5) * rows / Height) - 0.5, 0, rows - 1);
                var x = Math.Clamp(((column + 0.5) * columns / Width) - 0.5, 0, columns - 1);
                int top = Math.Min((int)y, rows - 2), left = Math.Min((int)x, columns - 2);
                double fy = y - top, fx = x - left;
                var logit = ((1 - fy) * (((1 - fx) * At(top, left)) + (fx * At(top, left + 1))))
                    + (fy * (((1 - fx) * At(top + 1, left)) + (fx * At(top + 1, left + 1))));
                Assert.That(planes[0, row, column], Is.EqualTo(1 / (1 + Math.Exp(-logit))).Within(1e-5), $"row {row}, column {column}");
            }

        double At(int row, int column) => logits[(row * columns) + column];
    }

    [Test]
    public void Segmentation_AtHalfTheResolution_FollowsTheImageThroughAMap()
    {
        using var bundle = new AnswerBundle(graph =>
        {
            OnnxAttribute[] window = [OnnxAttribute.Of("kernel_shape", [2L, 2]), OnnxAttribute.Of("strides", [2L, 2])];
            var pooled = graph.Op("AveragePool", window, AnswerGraph.Image);
            graph.Output("logits", graph.Times(graph.Plus(pooled, -0.4), 30), OnnxElementType.Float, "N", 1, Height / 2, Width / 2);
        }, KnownMap.Output("logits", "segmentation", ("activation", "sigmoid")), KnownMap.Turn, KnownMap.Growth);

        var labels = KnownMap.Run(bundle).Labels!.Labels.ToArray();

        bool[] bright = [.. KnownMap.SpotImage().Data.ToArray().Select(value => value > 0.4)];
        Assert.That(bright.Count(is1 => is1), Is.GreaterThan(25));
        Assert.That(labels.Zip(bright).Count(pair => pair.First == 1 != pair.Second), Is.LessThanOrEqualTo(8));
        var graphs = KnownMap.Run(bundle, options => options with { Fields = FieldEngine.Onnx }).Labels!.Labels.ToArray();
        Assert.That(graphs.Zip(labels).Count(pair => pair.First != pair.Second), Is.LessThanOrEqualTo(2), "fields by graphs");
    }

    [TestCase(60, Width)]
    [TestCase(Height, 80)]
    public void Segmentation_ByGraphs_IsOfTheImagesSize(int height, int width)
    {
        using var bundle = new AnswerBundle(
            graph => graph.Output("logits", Scores(graph), OnnxElementType.Float, "N", 3, Height, Width),
            KnownMap.Output("logits", "segmentation", ("activation", "softmax")), KnownMap.Turn, KnownMap.Growth);
        var image = new ImageBuffer(1, height, width);
        KnownMap.SpotImage().Data[..(height * 40)].CopyTo(image.Data);

        var answer = KnownMap.Run(bundle, options => options with { Fields = FieldEngine.Onnx }, image);

        Assert.That((answer.Height, answer.Width, answer.Planes!.Height, answer.Planes.Width),
            Is.EqualTo((height, width, height, width)));
    }

    [Test]
    public void Image_WithItsChannelsLast_ComesBackToTheInput()
    {
        using var bundle = new AnswerBundle(
            graph => graph.Output("out", graph.Op("Transpose", [OnnxAttribute.Of("perm", [0L, 2, 3, 1])], AnswerGraph.Image),
                OnnxElementType.Float, "N", Height, Width, 1),
            KnownMap.Output("out", "image", ("layout", "channelsLast")), KnownMap.Turn, KnownMap.Growth);

        float[] found = KnownMap.Run(bundle).Planes!.Data.ToArray(), wanted = KnownMap.SpotImage().Data.ToArray();

        Assert.That(KnownMap.Alone(bundle).Planes!.Data.ToArray(), Is.EqualTo(wanted).Within(1e-5));
        Assert.That(found.Zip(wanted, (a, b) => Math.Abs(a - b)).Max(), Is.LessThan(0.1), "twice resampled; a pixel off is 0.25");
    }

    [Test]
    public void ClassNumbers_OfSeveralMaps_AreAveragedAsOneHotPlanes()
    {
        using var bundle = Exported("int64");
        var options = new EquivariantOptions
        {
            Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu }, Accept = AcceptanceRule.Always,
            Start = StartPoint.Proposer, Passes = 2, Average = true,
        };
        using var model = EquivariantModel.Load(bundle.Path, options);
        using var result = model.Run([KnownMap.SpotImage()]);

        Assert.That(result.Images[0].Maps, Is.EqualTo(2));
        var planes = result.Images[0].Output.Planes!;
        for (var i = 0; i < Height * Width; i++)
            Assert.That(planes.Plane(0)[i] + planes.Plane(1)[i] + planes.Plane(2)[i], Is.EqualTo(1).Within(1e-5));
        Assert.That(planes.Data.ToArray().Count(value => value is > 0.01f and < 0.99f), Is.GreaterThan(10), "the maps differ at edges");
    }

    [Test]
    public void ClassNumber_BeyondTheNamedClasses_IsRefused()
    {
        using var bundle = new AnswerBundle(
            graph => graph.Output("mask", graph.Cast(graph.Times(AnswerGraph.Image, 7), OnnxElementType.Int64), OnnxElementType.Int64,
                "N", 1, Height, Width),
            KnownMap.Output("mask", "segmentation", ("classes", Names.DeepClone())));
        Assert.That(() => KnownMap.Alone(bundle), Throws.TypeOf<GraphException>().With.Message.EqualTo(
            "Output 'mask' holds the class number 6, and 3 classes are named (ground, rim, core), numbered 0 to 2."));
    }

    [Test]
    public void OutputWhoseShapeShowsOnlyInARun_IsCheckedThere()
    {
        using var bundle = new AnswerBundle(
            graph => graph.Output("logits", graph.Constant([1, 2, 7, 9], new float[126]), OnnxElementType.Float, "N", 2, "h", "w"),
            KnownMap.Output("logits", "segmentation"));
        Assert.That(() => KnownMap.Alone(bundle), Throws.TypeOf<GraphException>().With.Message.EqualTo(
            "Model 'inner.onnx': output 'logits' float32 [1,2,7,9] is 7 x 9 pixels (height x width); the manifest's image is 48 x 64, and "
            + "it is no whole fraction of that; if it covers the same image, say so by the output's field resolution."));
    }

    /// <summary>Three classes by brightness: no logits tie.</summary>
    private static string Scores(AnswerGraph graph)
    {
        var image = AnswerGraph.Image;
        return graph.Concat(
            graph.Times(graph.Plus(image, -0.22), -40), graph.Times(graph.Plus(image, -0.22), 0.1),
            graph.Times(graph.Plus(image, -0.67), 40));
    }

    private static AnswerBundle Exported(string form)
    {
        var output = KnownMap.Output("logits", "segmentation");
        var isScores = form is "last" or "half" or "double";
        output["classes"] = form == "bool" ? new JsonArray("ground", "spot") : Names.DeepClone();
        if (isScores) output["activation"] = "softmax";
        if (form.EndsWith("last", StringComparison.Ordinal)) output["layout"] = "channelsLast";
        return new AnswerBundle(graph =>
        {
            var scores = Scores(graph);
            long keep = form == "int32 plane" ? 1 : 0;
            var best = graph.Op("ArgMax", [OnnxAttribute.Of("axis", 1L), OnnxAttribute.Of("keepdims", keep)], scores);
            switch (form)
            {
                case "last":
                    var last = graph.Op("Transpose", [OnnxAttribute.Of("perm", [0L, 2, 3, 1])], scores);
                    graph.Output("logits", last, OnnxElementType.Float, "N", Height, Width, 3);
                    break;
                case "half":
                    graph.Output("logits", graph.Cast(scores, OnnxElementType.Float16), OnnxElementType.Float16, "N", 3, Height, Width);
                    break;
                case "double":
                    graph.Output("logits", graph.Cast(scores, OnnxElementType.Double), OnnxElementType.Double, "N", 3, Height, Width);
                    break;
                case "int64":
                    graph.Output("logits", best, OnnxElementType.Int64, "N", Height, Width);
                    break;
                case "int64 last":
                    graph.Output("logits", graph.Reshape(best, -1, Height, Width, 1), OnnxElementType.Int64, "N", Height, Width, 1);
                    break;
                case "int32 plane":
                    graph.Output("logits", graph.Cast(best, OnnxElementType.Int32), OnnxElementType.Int32, "N", 1, Height, Width);
                    break;
                case "uint8":
                    graph.Output("logits", graph.Cast(best, OnnxElementType.UInt8), OnnxElementType.UInt8, "N", Height, Width);
                    break;
                default:
                    graph.Output("logits", graph.Cast(best, OnnxElementType.Bool), OnnxElementType.Bool, "N", Height, Width);
                    break;
            }
        }, output, KnownMap.Turn, KnownMap.Growth);
    }
}
