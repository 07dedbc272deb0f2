using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Gradients;
using static DiffeoNN.Onnx.Gradients.OnnxElementType;

namespace DiffeoNN.Onnx.GpuCheck.Operators;

/// <summary>Operators of networks and their gradients, and control flow.</summary>
internal static class LayerCases
{
    /// <summary>All of them.</summary>
    public static IEnumerable<OperatorCase> All(Random random)
    {
        var x = Drawn.Normal("x", random, 8, 16, 64, 64);
        OnnxAttribute[] window = [OnnxAttribute.Of("kernel_shape", [2L, 2]), OnnxAttribute.Of("strides", [2L, 2])];
        OnnxAttribute[] around = [OnnxAttribute.Of("pads", [1L, 1, 1, 1])];
        yield return OperatorCase.Of("batched", 13, "MatMul",
            [Drawn.Normal("x", random, 8, 2, 128, 64), Drawn.Normal("y", random, 8, 2, 64, 128)], Float);
        yield return OperatorCase.Of("by a matrix", 13, "MatMul",
            [Drawn.Normal("x", random, 8, 2, 128, 8), Drawn.Normal("y", random, 8, 128)], Float);
        yield return OperatorCase.Of("", 13, "Gemm", [Drawn.Normal("x", random, 8, 512), Drawn.Normal("y", random, 512, 256)], Float);
        yield return OperatorCase.Of(
            "", 12, "Einsum", [Drawn.Normal("x", random, 8, 2, 16, 16), Drawn.Normal("y", random, 128, 16)], Float,
            OnnxAttribute.Of("equation", "ncij,pi->ncpj"));
        yield return OperatorCase.Of("3x3", 11, "Conv", [x, Drawn.Normal("w", random, 16, 16, 3, 3)], Float, around);
        yield return OperatorCase.Of(
            "depthwise 3x3", 11, "Conv", [x, Drawn.Normal("w", random, 16, 1, 3, 3)], Float, [.. around, OnnxAttribute.Of("group", 16L)]);
        yield return OperatorCase.Of(
            "4x4 stride 2", 11, "ConvTranspose", [x, Drawn.Normal("w", random, 16, 8, 4, 4)], Float,
                [.. around, OnnxAttribute.Of("strides", [2L, 2])]);
        yield return OperatorCase.Of("2x2 with indices", 12, "MaxPool", [x], [Float, OnnxElementType.Int64], window);
        yield return OperatorCase.Of("2x2", 12, "MaxPool", [x], Float, window);
        yield return OperatorCase.Of("2x2", 11, "AveragePool", [x], Float, window);
        yield return OperatorCase.Of("", 1, "GlobalAveragePool", [x], Float);
        yield return OperatorCase.Of("2x2", 11, "MaxUnpool", [Drawn.Normal("x", random, 2, 3, 32, 32), Corners(2, 3, 32)], Float, window);
        yield return Resize("nearest", "asymmetric", x);
        yield return Resize("linear", "half_pixel", x);
        yield return Resize("linear", "align_corners", x);
        yield return Resize("cubic", "half_pixel", x);
        yield return OperatorCase.Of("", 13, "Softmax", [x], Float, OnnxAttribute.Of("axis", 1L));
        yield return OperatorCase.Of("", 13, "LogSoftmax", [x], Float, OnnxAttribute.Of("axis", 1L));
        yield return OperatorCase.Of("k=5", 11, "TopK", [Drawn.Normal("x", random, 8, 1000), OnnxTensor.Int64s("const_k", 5)],
            [Float, OnnxElementType.Int64]);
        yield return OperatorCase.Of("", 13, "ArgMax", [x], OnnxElementType.Int64, OnnxAttribute.Of("axis", 1L));
        yield return OperatorCase.Of(
            "", 15, "BatchNormalization", [x, Weights("scale"), Weights("bias"), Weights("mean"), Weights("variance")], Float);
        yield return OperatorCase.Of("", 6, "InstanceNormalization", [x, Weights("scale"), Weights("bias")], Float);
        yield return OperatorCase.Of(
            "last axis", 17, "LayerNormalization",
                [x, Drawn.Uniform("scale", random, 0.5, 1.5, 64), Drawn.Uniform("bias", random, 0.5, 1.5, 64)], Float);
        yield return Loop(Drawn.Normal("x", random, 8, 2, 128, 128));
        yield return If(Drawn.Normal("x", random, 8, 2, 128, 128));

        OnnxTensor Weights(string name) => Drawn.Uniform(name, random, 0.5, 1.5, 16);
    }

    private static OperatorCase Resize(string mode, string coordinates, OnnxTensor x) => OperatorCase.Of(
        $"{mode} {coordinates}", 13, "Resize", [x, null, OnnxTensor.Create<float>("const_scales", [4], [1, 1, 2, 2])], Float,
        OnnxAttribute.Of("mode", mode), OnnxAttribute.Of("coordinate_transformation_mode", coordinates),
            OnnxAttribute.Of("nearest_mode", "floor"));

    /// <summary>Where the first pixel of each window of two by two lies, counted as MaxPool does.</summary>
    private static OnnxTensor Corners(long batch, long channels, long side) =>
        OnnxTensor.Create<long>("indices", [batch, channels, side, side],
        [.. Enumerable.Range(0, (int)(batch * channels * side * side)).Select(i =>
        {
            var (plane, row, column) = (i / (side * side), i / side % side, i % side);
            return (plane * 4 * side * side) + (row * 2 * 2 * side) + (column * 2);
        })]);

    /// <summary>x -> x + x * 0.01, seven times: how a squaring would look in a loop.</summary>
    private static OperatorCase Loop(OnnxTensor x)
    {
        var body = new OnnxGraph { Name = "body" };
        body.Inputs.Add(new OnnxValueInfo("iteration", OnnxElementType.Int64, []));
        body.Inputs.Add(new OnnxValueInfo("go_on", Bool, []));
        body.Inputs.Add(new OnnxValueInfo("state", Float, null));
        body.AddInitializer(OnnxTensor.Scalar("factor", 0.01f));
        body.AddNode("Identity", ["go_on"], "still");
        body.AddNode("Mul", ["state", "factor"], "scaled");
        body.AddNode("Add", ["state", "scaled"], "next");
        body.Outputs.Add(new OnnxValueInfo("still", Bool, []));
        body.Outputs.Add(new OnnxValueInfo("next", Float, null));
        return OperatorCase.Of(
            "7 rounds", 16, "Loop", [OnnxTensor.Scalar("const_rounds", 7L), OnnxTensor.Scalar("const_go", true), x], Float,
                OnnxAttribute.Of("body", body));
    }

    private static OperatorCase If(OnnxTensor x)
    {
        var condition = OnnxTensor.Scalar("condition", true);
        var found = OperatorCase.Of("", 16, "If", [condition], Float, OnnxAttribute.Of("then_branch", Branch("Abs")),
            OnnxAttribute.Of("else_branch", Branch("Neg")));
        found.Model.Graph.Inputs.Add(new OnnxValueInfo("x", Float, [.. x.Dimensions.Select(OnnxDimension.Of)]));
        return found with { Inputs = [condition, x] };

        static OnnxGraph Branch(string op)
        {
            var branch = new OnnxGraph { Name = op };
            branch.AddNode(op, ["x"], $"{op}_of_x");
            branch.Outputs.Add(new OnnxValueInfo($"{op}_of_x", Float, null));
            return branch;
        }
    }
}
