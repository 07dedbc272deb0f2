using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tests.Execution;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Bundles;

/// <summary>A fixed batch is freed where each image is treated by itself, with the results of each image alone; else it stays.</summary>
[TestFixture]
internal sealed class FreeBatchTests
{
    private static IEnumerable<TestCaseData> Free()
    {
        yield return Case("convolution, pooling, shape that names the batch", 1, [7], (g, x) =>
        {
            var w = Floats(g, "w", [2, 3, 3, 3], 7);
            var pooled = g.AddNode(
                "AveragePool", [g.AddNode("Conv", [x, w], "conv")], "pool", OnnxAttribute.Of("kernel_shape", [2L, 2]));
            var flat = g.AddNode("Reshape", [g.AddNode("Relu", [pooled], "relu"), Ints(g, "shape", 1, -1)], "flat");
            return g.AddNode("Gemm", [flat, Floats(g, "v", [7, 30], 5), Floats(g, "b", [1, 7], 4)], "gemm", OnnxAttribute.Of("transB", 1L));
        });
        yield return Case("sizes that name the batch", 2, [3, 12, 9], (g, x) => g.AddNode(
            "Resize", [x, "", "", Ints(g, "sizes", 2, 3, 12, 9)], "resized", OnnxAttribute.Of("mode", "linear")));
        yield return Case("attention over places", 2, [48, 3], (g, x) =>
        {
            var rows = g.AddNode("Transpose", [g.AddNode("Reshape", [x, Ints(g, "shape", 2, 3, 48)], "places")], "rows",
                OnnxAttribute.Of("perm", [0L, 2, 1]));
            var columns = g.AddNode("Transpose", [rows], "columns", OnnxAttribute.Of("perm", [0L, 2, 1]));
            var scores = g.AddNode("MatMul", [rows, columns], "scores");
            var weights = g.AddNode("Softmax", [scores], "weights", OnnxAttribute.Of("axis", -1L));
            return g.AddNode("MatMul", [weights, rows], "attended");
        });
        yield return Case("means over channels, padded and joined", 1, [4, 6, 8], (g, x) =>
        {
            var mean = g.AddNode("ReduceMean", [x], "mean", OnnxAttribute.Of("axes", [1L]));
            var joined = g.AddNode("Concat", [x, mean], "joined", OnnxAttribute.Of("axis", 1L));
            return g.AddNode("Pad", [joined, Ints(g, "pads", 0, 0, 1, 2, 0, 0, 1, 2)], "padded");
        }, [4, 8, 12]);
        yield return Case("noise at its mean, shaped as the image", 1, [3, 6, 8], (g, x) => g.AddNode(
            "Add", [x, g.AddNode("ConstantOfShape", [g.AddNode("Shape", [x], "its")], "zeros")], "sum"));
        yield return Case("expanded", 1, [3, 6, 8], (g, x) =>
        {
            var most = g.AddNode("ReduceMax", [x], "most", OnnxAttribute.Of("axes", [2L, 3]));
            return g.AddNode("Mul", [x, g.AddNode("Expand", [most, Ints(g, "shape", 1, 3, 6, 8)], "spread")], "scaled");
        });

        static TestCaseData Case(
            string name, long batch, OnnxDimension[] shape, Func<OnnxGraph, string, string> steps, OnnxDimension[]? other = null) =>
            new TestCaseData(batch, other ?? shape, steps).SetArgDisplayNames(name);
    }

    private static IEnumerable<TestCaseData> Bound()
    {
        yield return Case("mean over images", 2, (g, x) => g.AddNode(
            "Sub", [x, g.AddNode("ReduceMean", [x], "mean", OnnxAttribute.Of("axes", [0L]))], "centred"));
        yield return Case("softmax over images", 1, (g, x) => g.AddNode("Softmax", [x], "soft", OnnxAttribute.Of("axis", 0L)));
        yield return Case("softmax over images, counted from the end", 1,
            (g, x) => g.AddNode("Softmax", [x], "soft", OnnxAttribute.Of("axis", -4L)));
        yield return Case("a weight for each image", 2, (g, x) => g.AddNode(
            "Mul", [x, g.AddInitializer(OnnxTensor.Create<float>("w", [2, 1, 1, 1], [1, 2]))], "weighted"));
        yield return Case("a shape that is added", 1, (g, x) =>
        {
            var sizes = g.AddNode("Cast", [g.AddNode("Shape", [x], "its")], "real", OnnxAttribute.Of("to", 1L));
            return g.AddNode("Add", [x, g.AddNode("ReduceSum", [sizes], "all")], "more");
        });
        yield return Case("images turned to the back and front", 1, (g, x) => g.AddNode(
            "Transpose", [g.AddNode("Transpose", [x], "turned", OnnxAttribute.Of("perm", [1L, 0, 2, 3]))], "back",
            OnnxAttribute.Of("perm", [1L, 0, 2, 3])));
        yield return Case("a running sum over images", 1, (g, x) => g.AddNode("CumSum", [x, Ints(g, "axis", 0)], "sum"));
        yield return Case("images rolled", 2, (g, x) => g.AddNode(
            "Gather", [x, Ints(g, "order", 1, 0)], "rolled", OnnxAttribute.Of("axis", 0L)));
        yield return Case("normalised over images", 1, (g, x) => g.AddNode(
            "LayerNormalization", [x, g.AddInitializer(OnnxTensor.Scalar("one", 1f))], "normal", OnnxAttribute.Of("axis", 0L)));

        static TestCaseData Case(string name, long batch, Func<OnnxGraph, string, string> steps) =>
            new TestCaseData(batch, steps).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Free))]
    public void Apply_WhereImagesStayApart_GivesEachItsOwnResultInAnyBatch(
        long batch, OnnxDimension[] shape, Func<OnnxGraph, string, string> steps)
    {
        using var scope = torch.NewDisposeScope();
        var bound = Model(batch, shape, steps);
        var free = FreeBatch.Apply(bound, "x");
        Assert.That(free, Is.Not.Null);
        Assert.That(free!.Graph.Inputs[0].ToString(), Is.EqualTo("'x' float32 [N,3,6,8]"));
        using var random = new torch.Generator(3);
        var images = torch.rand([5, 3, 6, 8], generator: random);
        using var all = Graphs.Engine.Load(free, "free");
        using var some = Graphs.Engine.Load(bound, "bound");
        var found = all.Run(Graphs.Inputs(("x", images)))["y"];
        Assert.That(found.size(0), Is.EqualTo(5));
        for (var i = 0; i < 5; i++)
        {
            var alone = images.narrow(0, i, 1).expand(batch, -1, -1, -1).contiguous();
            var expected = some.Run(Graphs.Inputs(("x", alone)))["y"].narrow(0, 0, 1);
            Assert.That((found.narrow(0, i, 1) - expected).abs().max().item<float>(), Is.LessThan(1e-5f), $"image {i}");
        }
    }

    [TestCaseSource(nameof(Bound))]
    public void Apply_WhereImagesMayMeet_LeavesTheBatchAndSaysWhy(long batch, Func<OnnxGraph, string, string> steps)
    {
        Assert.That(FreeBatch.Apply(Model(batch, [3, 6, 8], steps), "x", out var reason), Is.Null);
        Assert.That(reason, Does.Contain("(node '").Or.StartWith("output 'y' "));
    }

    private static OnnxModel Model(long batch, OnnxDimension[] shape, Func<OnnxGraph, string, string> steps)
    {
        var model = new OnnxModel { IrVersion = 8 };
        model.OpsetImports[""] = 17;
        var graph = model.Graph;
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [batch, 3, 6, 8]));
        graph.AddNode("Identity", [steps(graph, "x")], "y");
        graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [batch, .. shape]));
        return model;
    }

    private static string Floats(OnnxGraph graph, string name, long[] shape, int period) => graph.AddInitializer(OnnxTensor.Create<float>(
        name, shape, [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b)).Select(i => (i % period) - (period / 2f))]));

    private static string Ints(OnnxGraph graph, string name, params long[] values) => graph.AddInitializer(OnnxTensor.Int64s(name, values));
}
