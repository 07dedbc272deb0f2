using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>Gradients of weights beside sums in double precision, at sizes where every way of forming the product is taken.</summary>
public sealed class WeightProductTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        static TestCaseData Case(string name, long[] x, long[] w, long group, string way, params OnnxAttribute[] attributes) =>
            new TestCaseData(x, w, group, way, attributes).SetArgDisplayNames(name);
        static OnnxAttribute L(string name, params long[] values) => OnnxAttribute.Of(name, values);
        var pads = L("pads", 1, 1, 1, 1);
        yield return Case("few places, summed over the batch in the product", [3, 12, 3, 4], [20, 12, 3, 3], 1, "Gather", pads);
        yield return Case("many places", [2, 5, 17, 19], [6, 5, 3, 3], 1, "Gather", pads);
        yield return Case("one channel, whose image takes all shifts", [2, 1, 17, 19], [12, 1, 3, 3], 1, "Concat", pads);
        yield return Case("one result, whose gradient takes all shifts", [2, 24, 11, 9], [1, 24, 3, 3], 1, "Concat", pads);
        yield return Case("1x1", [2, 7, 9, 8], [3, 7, 1, 1], 1, "MatMul");
        yield return Case("1x1 with padding and a stride", [2, 7, 9, 8], [3, 7, 1, 1], 1, "Slice", L("strides", 2, 2), pads);
        yield return Case("uneven padding", [2, 4, 9, 8], [3, 4, 5, 2], 1, "MatMul", L("pads", 0, 1, 3, 0));
        yield return Case("dilated", [2, 4, 13, 12], [5, 4, 3, 3], 1, "Gather", L("dilations", 2, 3), L("pads", 2, 3, 2, 3));
        yield return Case("groups", [3, 6, 11, 9], [9, 2, 3, 3], 3, "Gather", pads);
        yield return Case("each channel by itself", [2, 8, 9, 10], [8, 1, 3, 3], 8, "MatMul", pads);
        yield return Case("stride 2, in phases", [2, 6, 13, 12], [8, 6, 3, 3], 1, "SpaceToDepth", L("strides", 2, 2), pads);
        yield return Case("stride 2 in groups", [2, 6, 12, 12], [8, 3, 2, 2], 2, "SpaceToDepth", L("strides", 2, 2));
        yield return Case("windows side by side", [2, 6, 12, 15], [8, 6, 3, 3], 1, "SpaceToDepth", L("strides", 3, 3));
        yield return Case("windows apart", [2, 6, 12, 15], [8, 6, 2, 2], 1, "SpaceToDepth", L("strides", 4, 4));
        yield return Case("stride 2, dilated", [2, 4, 15, 15], [5, 4, 3, 3], 1, "SpaceToDepth", L("strides", 2, 2), L("dilations", 2, 3));
        yield return Case("two strides", [2, 4, 11, 13], [5, 4, 3, 3], 1, "Slice", L("strides", 1, 2), pads);
        yield return Case("stride 2, by a convolution", [2, 4, 12, 12], [5, 4, 4, 4], 1, "Conv", L("strides", 2, 2), pads);
        yield return Case("one axis", [3, 4, 21], [5, 4, 5], 1, "MatMul", L("pads", 2, 2));
        yield return Case("one axis with a stride", [3, 4, 21], [5, 4, 3], 1, "Slice", L("strides", 2));
        yield return Case("three axes", [2, 3, 6, 7, 5], [4, 3, 3, 3, 3], 1, "MatMul", L("pads", 1, 1, 1, 1, 1, 1));
    }

    [TestCaseSource(nameof(Cases))]
    public void Gradient_IsTheSumOverAllPlaces(long[] x, long[] w, long group, string way, OnnxAttribute[] attributes)
    {
        var random = new Random(17);
        OnnxTensor Random(string name, IReadOnlyList<long> shape) => OnnxTensor.Create<float>(name, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (float)((2 * random.NextDouble()) - 1))]);
        var model = new OnnxModel();
        model.OpsetImports[""] = 18;
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", .. x.Skip(1).Select(OnnxDimension.Of)]));
        model.Graph.Inputs.Add(new OnnxValueInfo("w", OnnxElementType.Float, [.. w.Select(OnnxDimension.Of)]));
        model.Graph.AddNode("Conv", ["x", "w"], "y", [.. attributes, OnnxAttribute.Of("group", group)]);
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        var gradient = GradientCompiler.Compile(model, new GradientOptions { Inputs = ["w"], Outputs = ["y"] });
        var inputs = new Dictionary<string, OnnxTensor> { ["x"] = Random("x", x), ["w"] = Random("w", w) };
        using var forward = new Runner(model, optimise: false);
        var y = forward.Run(inputs)["y"];
        inputs["y_grad"] = Random("y_grad", y.Dimensions);
        using var runner = new Runner(gradient, optimise: true);

        var found = runner.Run(inputs)["w_grad"];

        Assert.That(gradient.Graph.Nodes.Count(n => n.OpType == "Conv"), Is.EqualTo(way == "Conv" ? 2 : 1), "formed by a convolution");
        Assert.That(gradient.Graph.Nodes.Select(n => n.OpType), Has.Some.EqualTo(way));
        Assert.That(found.Dimensions, Is.EqualTo(w));
        Assert.That(found.ToDoubleArray(), Is.EqualTo(Reference(model.Graph.Nodes[0], inputs, y.Dimensions)).Within(2e-5));
    }

    /// <summary>dW[m, c, k] = sum over n and p of dY[n, m, p] x[n, c, p stride + k dilation - begin].</summary>
    private static double[] Reference(OnnxNode node, Dictionary<string, OnnxTensor> inputs, IReadOnlyList<long> output)
    {
        var (x, w, dY) = (inputs["x"], inputs["w"], inputs["y_grad"]);
        var (xs, ys, rank) = (x.ToDoubleArray(), dY.ToDoubleArray(), x.Dimensions.Count - 2);
        var window = Window.Read(node, [.. x.Dimensions.Select(d => (Dim)d)], [.. w.Dimensions.Select(d => (Dim)d)])!;
        var perGroup = w.Dimensions[0] / node.GetInt("group", 1);
        var result = new double[w.Count];
        foreach (var (place, at) in Places(w.Dimensions).Select((place, i) => (place, i)))
        {
            foreach (var p in Places([output[0], .. output.Skip(2)]))
            {
                long[] from = [.. Enumerable.Range(0, rank).Select(i =>
                    (p[i + 1] * window.Strides[i]) + (place[i + 2] * window.Dilations[i]) - window.Begin[i])];
                if (from.Where((f, i) => f < 0 || f >= x.Dimensions[i + 2]).Any())
                    continue;
                var channel = (place[0] / perGroup * w.Dimensions[1]) + place[1];
                result[at] += xs[Index(x.Dimensions, [p[0], channel, .. from])] * ys[Index(output, [p[0], place[0], .. p.Skip(1)])];
            }
        }

        return result;
    }

    private static IEnumerable<long[]> Places(IReadOnlyList<long> sizes)
    {
        var place = new long[sizes.Count];
        while (true)
        {
            yield return [.. place];
            var axis = sizes.Count - 1;
            while (axis >= 0 && ++place[axis] == sizes[axis])
                place[axis--] = 0;
            if (axis < 0)
                yield break;
        }
    }

    private static long Index(IReadOnlyList<long> sizes, IReadOnlyList<long> place) =>
        sizes.Select((size, i) => (size, i)).Aggregate(0L, (index, s) => (index * s.size) + place[s.i]);
}
