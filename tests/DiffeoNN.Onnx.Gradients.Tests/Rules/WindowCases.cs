using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>Random forms of convolutions and pooling in one, two and three dimensions: every attribute that their version knows.</summary>
internal static class WindowCases
{
    public static IReadOnlyList<string> Operators { get; } =
    [
        "MaxPool", "AveragePool", "LpPool", "Conv", "ConvTranspose", "GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool",
    ];

    private static readonly int[] Opsets = [7, 8, 10, 11, 12, 16, 18, 19, 21, 22];

    /// <summary>One form; the runtime may refuse it.</summary>
    public static RuleCase Draw(string opType, Random random)
    {
        var opset = Opsets[random.Next(Opsets.Length)];
        var rank = random.Next(1, 4);
        long[] sizes = [.. Enumerable.Range(0, rank).Select(_ => (long)random.Next(1, rank switch { 1 => 12, 2 => 8, _ => 5 }))];
        var group = opType is "Conv" or "ConvTranspose" ? random.Next(1, 3) : 1;
        var channels = group * random.Next(1, 3);
        long[] shape = [random.Next(1, 3), channels, .. sizes];
        if (opType.StartsWith("Global", StringComparison.Ordinal))
        {
            OnnxAttribute[] power = opType == "GlobalLpPool" ? [OnnxAttribute.Of("p", (long)random.Next(1, 5))] : [];
            return new RuleCase(opType, [opset], [opType == "GlobalMaxPool" ? Between(-2, 2, [], shape) : Any(shape)], power);
        }

        long[] kernel = [.. sizes.Select(_ => (long)random.Next(1, rank == 3 ? 4 : 5))];
        var attributes = Attributes(opType, opset, kernel, random);
        if (opType is not ("Conv" or "ConvTranspose"))
        {
            var isMaximum = opType == "MaxPool";
            var x = isMaximum ? Between(-2, 2, [], shape) : Any(shape);
            return new RuleCase(opType, [opset], [x], [.. attributes]) { Outputs = isMaximum ? random.Next(1, 3) : 1 };
        }

        attributes.Add(OnnxAttribute.Of("group", (long)group));
        var other = group * random.Next(1, 3);
        long[] weights = opType == "Conv" ? [other, channels / group, .. kernel] : [channels, other / group, .. kernel];
        Operand[] operands = random.Next(2) == 0 ? [Any(shape), Any(weights)] : [Any(shape), Any(weights), Any(other)];
        if (opType == "ConvTranspose")
            AddTransposed(attributes, sizes, kernel, random);
        return new RuleCase(opType, [opset], operands, [.. attributes]);
    }

    /// <summary>
    /// A pool whose windows skip elements: dilated, with strides that may be longer, often rounded up or padded automatically. What the
    /// runtime states and makes of these differs most.
    /// </summary>
    public static RuleCase DrawPoolWithGaps(string opType, Random random)
    {
        int[] opsets = opType switch { "MaxPool" => [11, 12, 18, 21, 22], "AveragePool" => [19, 20, 21, 22], _ => [18, 19, 21, 22] };
        var opset = opsets[random.Next(opsets.Length)];
        var rank = random.Next(1, 4);
        long[] Numbers(int least, int end) => [.. Enumerable.Range(0, rank).Select(_ => (long)random.Next(least, end))];
        var (sizes, kernel) = (Numbers(1, rank switch { 1 => 12, 2 => 8, _ => 6 }), Numbers(1, rank == 3 ? 3 : 4));
        List<OnnxAttribute> attributes =
        [
            OnnxAttribute.Of("kernel_shape", kernel), OnnxAttribute.Of("strides", Numbers(1, 6)),
            OnnxAttribute.Of("dilations", Numbers(1, 4)),
            OnnxAttribute.Of("ceil_mode", (long)random.Next(2)),
        ];
        var form = random.Next(5);
        if (form < 3)
            attributes.Add(OnnxAttribute.Of("auto_pad", form switch { 0 => "VALID", 1 => "SAME_UPPER", _ => "SAME_LOWER" }));
        else if (form == 3)
            attributes.Add(OnnxAttribute.Of("pads", kernel.Concat(kernel).Select(k => (long)random.Next((int)k))));
        if (opType == "LpPool")
            attributes.Add(OnnxAttribute.Of("p", (long)random.Next(1, 4)));
        if (opType == "AveragePool")
            attributes.Add(OnnxAttribute.Of("count_include_pad", (long)random.Next(2)));
        long[] shape = [random.Next(1, 3), 1, .. sizes];
        return new RuleCase(opType, [opset], [opType == "MaxPool" ? Between(-2, 2, [], shape) : Any(shape)], [.. attributes]);
    }

    /// <summary>Whether some window spans more than the input with its padding.</summary>
    public static bool IsLargerThanInput(RuleCase test)
    {
        var node = test.Model(test.Opsets[0]).Graph.Nodes[0];
        Dim[] input = [.. test.Operands[0].Shape.Select(size => (Dim)size)];
        return Window.Read(node, input, null) is { } window && Enumerable.Range(0, window.Rank).Any(i =>
            window.Extent(i) > test.Operands[0].Shape[i + 2] + window.Begin[i] + window.End[i]);
    }

    private static List<OnnxAttribute> Attributes(string opType, int opset, long[] kernel, Random random)
    {
        var isConvolution = opType is "Conv" or "ConvTranspose";
        List<OnnxAttribute> result = isConvolution && random.Next(2) == 0 ? [] : [OnnxAttribute.Of("kernel_shape", kernel)];
        long[] dilations = [.. kernel.Select(_ => 1L)];
        if (random.Next(3) > 0)
            result.Add(OnnxAttribute.Of("strides", kernel.Select(_ => (long)random.Next(1, 5))));
        if (random.Next(3) == 0 && (isConvolution || opset >= (opType switch { "MaxPool" => 10, "AveragePool" => 19, _ => 18 })))
            result.Add(OnnxAttribute.Of("dilations", dilations = [.. kernel.Select(_ => (long)random.Next(1, 4))]));
        switch (random.Next(6))
        {
            case 0: result.Add(OnnxAttribute.Of("auto_pad", "SAME_UPPER")); break;
            case 1: result.Add(OnnxAttribute.Of("auto_pad", "SAME_LOWER")); break;
            case 2: result.Add(OnnxAttribute.Of("auto_pad", "VALID")); break;
            case 3 or 4:
                // The runtime takes padding of pools that is smaller than the kernel alone, dilated or not.
                var most = isConvolution ? kernel.Zip(dilations, (k, d) => ((k - 1) * d) + 2) : kernel;
                result.Add(OnnxAttribute.Of("pads", most.Concat(most).Select(m => (long)random.Next((int)m))));
                break;
        }

        if (random.Next(2) == 0 && (opType is "MaxPool" or "AveragePool" ? opset >= 10 : opType == "LpPool" && opset >= 18))
            result.Add(OnnxAttribute.Of("ceil_mode", 1L));
        if (opType == "MaxPool" && opset >= 8 && random.Next(4) == 0)
            result.Add(OnnxAttribute.Of("storage_order", 1L));
        if (opType == "AveragePool" && random.Next(2) == 0)
            result.Add(OnnxAttribute.Of("count_include_pad", 1L));
        if (opType == "LpPool")
            result.Add(OnnxAttribute.Of("p", (long)random.Next(1, 5)));
        return result;
    }

    /// <summary>What transposed convolutions have besides: further elements at the end, or the output's size.</summary>
    private static void AddTransposed(List<OnnxAttribute> attributes, long[] sizes, long[] kernel, Random random)
    {
        long[] Of(string name, long fallback) => attributes.Find(a => a.Name == name)?.Ints.ToArray() ?? [.. kernel.Select(_ => fallback)];
        var (strides, dilations) = (Of("strides", 1), Of("dilations", 1));
        switch (random.Next(4))
        {
            case 0:
                var extra = strides.Zip(dilations, (s, d) => (long)random.Next((int)Math.Max(s, d)));
                attributes.Add(OnnxAttribute.Of("output_padding", extra));
                break;
            case 1:
                attributes.Add(OnnxAttribute.Of("output_shape", Enumerable.Range(0, kernel.Length).Select(i =>
                    Math.Max(1, ((sizes[i] - 1) * strides[i]) + ((kernel[i] - 1) * dilations[i]) + random.Next(-2, 3)))));
                break;
        }
    }
}
