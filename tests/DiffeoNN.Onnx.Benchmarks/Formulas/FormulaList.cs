using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Benchmarks.Formulas;

/// <summary>
/// The gradients with several ways, each with the way the compiler takes first. Where that is not the fastest by itself
/// the reason stands here: masks for MaxPool would give tied elements each the whole gradient, where PyTorch takes the first.
/// </summary>
internal static class FormulaList
{
    private static readonly long[] Image = [1, 16, 128, 128];

    public static IEnumerable<Formula> All() => [Relu(), Convolution(), StridedConvolution(4), StridedConvolution(3), Upsampling(),
        MaxPool(), Silu(), ReflectPad(), StridedSlice()];

    /// <summary>Between two convolutions, where the mask has to stay in the runtime's blocked layout.</summary>
    private static Formula Relu()
    {
        static OnnxModel Way(Func<FormulaGraph, string, string, string> masked)
        {
            var g = new FormulaGraph(("x", Image), ("dy", Image));
            var y = g.Op("Relu", [g.Op("Conv", ["x", g.Weights(16, 16, 3, 3)], Pads(1))]);
            var gradient = g.Op("Conv", ["dy", g.Weights(16, 16, 3, 3)], Pads(1));
            return g.Result(g.Op("Conv", [masked(g, y, gradient), g.Weights(16, 16, 3, 3)], Pads(1)));
        }

        return new Formula("Relu between convolutions", "product with a saturated HardSigmoid", Way((g, y, dy) =>
                g.Op("Mul", [dy, g.Op("HardSigmoid", [y], OnnxAttribute.Of("alpha", float.MaxValue), OnnxAttribute.Of("beta", 0f))])),
            ("product with Cast(Greater)", Way((g, y, dy) =>
                g.Op("Mul", [dy, g.Op("Cast", [g.Op("Greater", [y, g.Number(0)])], OnnxAttribute.Of("to", 1L))]))),
            ("Where(Greater)", Way((g, y, dy) => g.Op("Where", [g.Op("Greater", [y, g.Number(0)]), dy, g.Number(0)]))));
    }

    private static Formula Convolution()
    {
        var weights = new FormulaGraph().RandomValues(16, 16, 3, 3);
        static OnnxModel Way(Func<FormulaGraph, string> adjoint)
        {
            var g = new FormulaGraph(("x", Image));
            return g.Result(adjoint(g));
        }

        return new Formula("Conv 16 to 16, 3x3, stride 1", "Conv with reversed weights", Way(g =>
                g.Op("Conv", ["x", g.Tensor([16, 16, 3, 3], Reversed(weights, 16, 16, 9))], Pads(1))),
            ("ConvTranspose", Way(g => g.Op("ConvTranspose", ["x", g.Tensor([16, 16, 3, 3], weights)], Pads(1)))));
    }

    private static Formula StridedConvolution(int kernel)
    {
        var weights = new FormulaGraph().RandomValues(32, 16, kernel, kernel);
        long[] half = [1, 32, 64, 64];
        static OnnxModel Way(long[] shape, Func<FormulaGraph, string> adjoint)
        {
            var g = new FormulaGraph(("x", shape));
            return g.Result(adjoint(g));
        }

        return new Formula($"Conv 16 to 32, {kernel}x{kernel}, stride 2", "ConvTranspose", Way(half, g =>
                g.Op("ConvTranspose", ["x", g.Tensor([32, 16, kernel, kernel], weights)], Pads(1), OnnxAttribute.Of("strides", [2L, 2]),
                    OnnxAttribute.Of("output_padding", kernel == 3 ? new long[] { 1, 1 } : new long[] { 0, 0 }))),
            ("Conv to four phases, DepthToSpace", Way(half, g => g.Op("DepthToSpace",
                [g.Op("Conv", ["x", g.Tensor([64, 32, 3, 3], Phases(weights, 32, 16, kernel))], Pads(1))],
                OnnxAttribute.Of("blocksize", 2L), OnnxAttribute.Of("mode", "CRD")))));
    }

    /// <summary>Position 2 q + r of the gradient takes the kernel's elements k with r + 1 - k even, at dY[q + (r + 1 - k) / 2].</summary>
    private static float[] Phases(float[] weights, int from, int to, int kernel)
    {
        var result = new float[to * 4 * from * 9];
        for (var ky = 0; ky < kernel; ky++)
        {
            for (var kx = 0; kx < kernel; kx++)
            {
                var (ry, rx) = (Math.Abs(1 - ky) % 2, Math.Abs(1 - kx) % 2);
                var (dy, dx) = ((ry + 1 - ky) / 2, (rx + 1 - kx) / 2);
                for (var c = 0; c < to; c++)
                {
                    for (var m = 0; m < from; m++)
                        result[((((((c * 4) + (ry * 2) + rx) * from) + m) * 3) + dy + 1) * 3 + dx + 1] =
                            weights[(((m * to) + c) * kernel + ky) * kernel + kx];
                }
            }
        }

        return result;
    }

    /// <summary>ConvTranspose 32 to 16, 2x2, stride 2, and then Conv 16 to 16, 3x3, as a U-Net has them.</summary>
    private static Formula Upsampling()
    {
        var (conv, up) = (new FormulaGraph().RandomValues(16, 16, 3, 3), new FormulaGraph().RandomValues(32, 16, 2, 2));
        static OnnxModel Way(Func<FormulaGraph, string> way)
        {
            var g = new FormulaGraph(("x", Image));
            return g.Result(way(g));
        }

        return new Formula("ConvTranspose, then Conv", "one Conv 4x4, stride 2", Way(g =>
                g.Op("Conv", ["x", g.Tensor([32, 16, 4, 4], Product(up, conv))], Pads(1), OnnxAttribute.Of("strides", [2L, 2]))),
            ("Conv 3x3, Conv 2x2",
                Way(g => g.Op("Conv", [g.Op("Conv", ["x", g.Tensor([16, 16, 3, 3], conv)], Pads(1)), g.Tensor([32, 16, 2, 2], up)],
                    OnnxAttribute.Of("strides", [2L, 2])))));
    }

    /// <summary>The kernel of a convolution 3x3 and then one 2x2, all with 16 channels between and before.</summary>
    private static float[] Product(float[] second, float[] first)
    {
        var result = new float[second.Length / (16 * 4) * 16 * 16];
        for (var i = 0; i < second.Length; i++)
        {
            var (output, channel, row, column) = (i / (16 * 4), i / 4 % 16, i / 2 % 2, i % 2);
            for (var input = 0; input < 16; input++)
            {
                for (var k = 0; k < 9; k++)
                    result[(((((output * 16) + input) * 4) + row + (k / 3)) * 4) + column + (k % 3)] +=
                        second[i] * first[(((channel * 16) + input) * 9) + k];
            }
        }

        return result;
    }

    private static Formula MaxPool()
    {
        long[] half = [1, 16, 64, 64];
        OnnxAttribute[] window = [OnnxAttribute.Of("kernel_shape", [2L, 2]), OnnxAttribute.Of("strides", [2L, 2])];
        OnnxModel Way(Func<FormulaGraph, string> way)
        {
            var g = new FormulaGraph(("x", Image), ("dy", half));
            return g.Result(way(g));
        }

        return new Formula("MaxPool 2x2, stride 2", "MaxUnpool", Way(g =>
            {
                var (_, indices) = g.Two("MaxPool", ["x"], window);
                return g.Op("MaxUnpool", ["dy", indices], window);
            }),
            ("ScatterElements", Way(g =>
            {
                var (_, indices) = g.Two("MaxPool", ["x"], window);
                var zeros = g.Op("ConstantOfShape", [g.Integers(1 * 16 * 128 * 128)]);
                return g.Op("Reshape",
                    [g.Op("ScatterElements", [zeros, g.Op("Reshape", [indices, g.Integers(-1)]), g.Op("Reshape", ["dy", g.Integers(-1)])],
                        OnnxAttribute.Of("reduction", "add")), g.Integers(Image)]);
            })),
            ("mask by comparison (shares ties)", Way(g =>
            {
                var y = g.Op("MaxPool", ["x"], window);
                string Up(string value) => g.Op(
                    "Resize", [value, "", g.Tensor([4], [1, 1, 2, 2])], OnnxAttribute.Of("coordinate_transformation_mode", "asymmetric"),
                    OnnxAttribute.Of("nearest_mode", "floor"));
                var mask = g.Op("HardSigmoid", [g.Op("Sub", ["x", Up(y)])], OnnxAttribute.Of("alpha", float.MaxValue),
                    OnnxAttribute.Of("beta", 1f));
                return g.Op("Mul", [Up("dy"), mask]);
            })));
    }

    /// <summary>Behind a convolution and before its gradient, as for Relu.</summary>
    private static Formula Silu()
    {
        static OnnxModel Way(Func<FormulaGraph, string, string, string, string> way)
        {
            var g = new FormulaGraph(("x", Image), ("dy", Image));
            var x = g.Op("Conv", ["x", g.Weights(16, 16, 3, 3)], Pads(1));
            var s = g.Op("Sigmoid", [x]);
            return g.Result(g.Op("Conv", [way(g, x, s, g.Op("Mul", [x, s])), g.Weights(16, 16, 3, 3)], Pads(1)));
        }

        return new Formula(
            "SiLU behind a convolution", "dY (s + Y (1 - s)), 1 - s by HardSigmoid", Way((g, x, s, y) => g.Op("Mul", ["dy", g.Op("Add",
                    [s, g.Op("Mul", [y, g.Op("HardSigmoid", [s], OnnxAttribute.Of("alpha", -1f), OnnxAttribute.Of("beta", 1f))])])])),
            ("dY (Y + s (1 - Y))", Way((g, x, s, y) =>
                g.Op("Mul", ["dy", g.Op("Add", [y, g.Op("Mul", [s, g.Op("Sub", [g.Number(1), y])])])]))),
            ("product rule, then sigmoid", Way((g, x, s, y) => g.Op("Add", [g.Op("Mul", ["dy", s]),
                g.Op("Mul", [g.Op("Mul", ["dy", x]), g.Op("Mul", [s, g.Op("Sub", [g.Number(1), s])])])]))));
    }

    /// <summary>The last axis, padded by 3 on both sides.</summary>
    private static Formula ReflectPad()
    {
        long[] padded = [1, 16, 128, 134];
        static OnnxModel Way(long[] shape, Func<FormulaGraph, string> way)
        {
            var g = new FormulaGraph(("x", shape));
            return g.Result(way(g));
        }

        string Part(FormulaGraph g, long start, long end, long step = 1) =>
            g.Op("Slice", ["x", g.Integers(start), g.Integers(end), g.Integers(3), g.Integers(step)]);
        return new Formula("Pad by reflection", "slices, sums, Concat", Way(padded, g => g.Op("Concat",
            [
                Part(g, 3, 4), g.Op("Add", [Part(g, 4, 7), Part(g, 2, long.MinValue + 1, -1)]), Part(g, 7, 127),
                g.Op("Add", [Part(g, 127, 130), Part(g, 133, 130, -1)]), Part(g, 130, 131),
            ], OnnxAttribute.Of("axis", 3L))),
            ("ScatterElements", Way(padded, g =>
            {
                long[] indices = [.. Enumerable.Range(-3, 134).Select(i => (long)(i < 0 ? -i : i > 127 ? 254 - i : i))];
                var zeros = g.Op("ConstantOfShape", [g.Integers(Image)]);
                return g.Op("ScatterElements",
                    [zeros, g.Op("Expand", [g.Op("Reshape", [g.Integers(indices), g.Integers(1, 1, 1, -1)]), g.Integers(padded)]), "x"],
                    OnnxAttribute.Of("axis", 3L), OnnxAttribute.Of("reduction", "add"));
            })),
            ("product with a matrix", Way(padded, g =>
            {
                var matrix = new float[134 * 128];
                for (var i = 0; i < 134; i++)
                    matrix[(i * 128) + (i < 3 ? 3 - i : i > 130 ? 257 - i : i - 3)] = 1;
                return g.Op("MatMul", ["x", g.Tensor([134, 128], matrix)]);
            })));
    }

    /// <summary>Every second element of the last axis.</summary>
    private static Formula StridedSlice()
    {
        long[] half = [1, 16, 128, 64];
        static OnnxModel Way(long[] shape, Func<FormulaGraph, string> way)
        {
            var g = new FormulaGraph(("x", shape));
            return g.Result(way(g));
        }

        return new Formula("Slice with step 2", "ScatterElements", Way(half, g =>
            {
                var zeros = g.Op("ConstantOfShape", [g.Integers(Image)]);
                var indices = g.Op("Reshape", [g.Integers([.. Enumerable.Range(0, 64).Select(i => 2L * i)]), g.Integers(1, 1, 1, -1)]);
                return g.Op("ScatterElements", [zeros, g.Op("Expand", [indices, g.Integers(half)]), "x"], OnnxAttribute.Of("axis", 3L),
                    OnnxAttribute.Of("reduction", "add"));
            }),
            ("zeros behind every element", Way(half, g => g.Op("Reshape",
                [g.Op("Pad", [g.Op("Unsqueeze", ["x", g.Integers(4)]), g.Integers(0, 0, 0, 0, 0, 0, 0, 0, 0, 1)]), g.Integers(Image)]))));
    }

    private static OnnxAttribute Pads(long amount) => OnnxAttribute.Of("pads", [amount, amount, amount, amount]);

    /// <summary>Channels exchanged and kernels reversed.</summary>
    private static float[] Reversed(float[] weights, int from, int to, int kernel) =>
        [.. Enumerable.Range(0, to).SelectMany(c => Enumerable.Range(0, from).SelectMany(m =>
            Enumerable.Range(0, kernel).Select(k => weights[(((m * to) + c) * kernel) + kernel - 1 - k])))];
}
