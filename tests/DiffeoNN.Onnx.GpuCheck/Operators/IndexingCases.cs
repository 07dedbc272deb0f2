using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Gradients;
using static DiffeoNN.Onnx.Gradients.OnnxElementType;

namespace DiffeoNN.Onnx.GpuCheck.Operators;

/// <summary>Operators that read or write at computed places: what a sampled image and its gradient consist of.</summary>
internal static class IndexingCases
{
    private const long Batch = 8;
    private const long Channels = 2;
    private const long Side = 128;
    private const long Pixels = Side * Side;

    /// <summary>All of them.</summary>
    public static IEnumerable<OperatorCase> All(Random random)
    {
        var image = Drawn.Normal("x", random, Batch, Channels, Side, Side);
        var grid = Drawn.Uniform("grid", random, -1.2, 1.2, Batch, Side, Side, 2);
        foreach (var padding in (string[])["border", "zeros"])
        {
            foreach (var aligned in (long[])[1, 0])
            {
                foreach (var (opset, mode) in ((int, string)[])[(16, "bilinear"), (20, "linear")])
                {
                    yield return OperatorCase.Of(
                        $"{mode} {padding} align_corners={aligned}", opset, "GridSample", [image, grid], Float,
                        OnnxAttribute.Of("mode", mode), OnnxAttribute.Of("padding_mode", padding),
                        OnnxAttribute.Of("align_corners", aligned));
                }
            }
        }

        foreach (var wide in (bool[])[false, true])
        {
            var type = wide ? "int64" : "int32";
            yield return Scatter("float", type, Flat("data", random), Indices(random, wide), Flat("updates", random));
            yield return Scatter("int64", type, Counts("data", random), Indices(random, wide), Counts("updates", random));
            yield return OperatorCase.Of(
                $"float {type} indices", 18, "ScatterElements", [Flat("data", random), Distinct(wide), Flat("updates", random)], Float,
                OnnxAttribute.Of("axis", 2L));
            yield return OperatorCase.Of(
                $"float {type} indices", 13, "GatherElements", [Flat("data", random), Indices(random, wide)], Float,
                OnnxAttribute.Of("axis", 2L));
            yield return OperatorCase.Of($"float {type} indices", 13, "Gather", [Flat("data", random), Rows(random, wide)], Float,
                OnnxAttribute.Of("axis", 2L));
        }

        yield return Scatter("float", "int64", Flat("data", random), Indices(random, true), Flat("updates", random), opset: 16);
        yield return ScatterNd("float", Flat("data", random), Drawn.Normal("updates", random, Pixels), random);
        yield return ScatterNd("int64", Counts("data", random), Drawn.Int64s("updates", random, -9, 9, Pixels), random);
        yield return OperatorCase.Of("float", 13, "GatherND", [Flat("data", random), Points(random)], Float);
        yield return OperatorCase.Of("float", 13, "Slice", [image, Constant("starts", 1), Constant("ends", Side), Constant("axes", 3)],
            Float);
    }

    /// <summary>A scatter of many values into few places; the same places for the same seed.</summary>
    /// <param name="kind"><c>float</c> or <c>int64</c>.</param>
    /// <param name="random">Of data, places and values.</param>
    public static OperatorCase Collisions(string kind, Random random) => kind == "float"
        ? Scatter("float", "int64", Flat("data", random), Indices(random, true), Flat("updates", random))
        : Scatter("int64", "int64", Counts("data", random), Indices(random, true), Counts("updates", random));

    private static OperatorCase Scatter(string kind, string indices, OnnxTensor data, OnnxTensor places, OnnxTensor updates,
        int opset = 18) => OperatorCase.Of(
        $"add {kind} {indices} indices", opset, "ScatterElements", [data, places, updates], data.ElementType,
        OnnxAttribute.Of("axis", 2L), OnnxAttribute.Of("reduction", "add"));

    private static OperatorCase ScatterNd(string kind, OnnxTensor data, OnnxTensor updates, Random random) =>
        OperatorCase.Of($"add {kind}", 18, "ScatterND", [data, Points(random), updates], data.ElementType,
            OnnxAttribute.Of("reduction", "add"));

    private static OnnxTensor Flat(string name, Random random) => Drawn.Normal(name, random, Batch, Channels, Pixels);

    private static OnnxTensor Counts(string name, Random random) => Drawn.Int64s(name, random, -1000, 1000, Batch, Channels, Pixels);

    /// <summary>Places in the first sixteenth, so that about sixteen values meet in each.</summary>
    private static OnnxTensor Indices(Random random, bool wide) => wide
        ? Drawn.Int64s("indices", random, 0, Pixels / 16, Batch, Channels, Pixels)
        : Drawn.Int32s("indices", random, 0, (int)Pixels / 16, Batch, Channels, Pixels);

    /// <summary>Places that do not meet: the last first.</summary>
    private static OnnxTensor Distinct(bool wide)
    {
        long[] places = [.. Enumerable.Range(0, (int)(Batch * Channels * Pixels)).Select(i => Pixels - 1 - (i % Pixels))];
        return wide
            ? OnnxTensor.Create<long>("indices", [Batch, Channels, Pixels], places)
            : OnnxTensor.Create<int>("indices", [Batch, Channels, Pixels], [.. places.Select(place => (int)place)]);
    }

    private static OnnxTensor Rows(Random random, bool wide) =>
        wide ? Drawn.Int64s("indices", random, 0, Pixels, Pixels) : Drawn.Int32s("indices", random, 0, (int)Pixels, Pixels);

    private static OnnxTensor Points(Random random) => OnnxTensor.Create<long>("indices", [Pixels, 3], [.. Enumerable.Range(0, (int)Pixels)
        .SelectMany(_ => new[] { random.NextInt64(Batch), random.NextInt64(Channels), random.NextInt64(64) })]);

    private static OnnxTensor Constant(string name, params ReadOnlySpan<long> values) => OnnxTensor.Int64s($"const_{name}", values);
}
