using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Convolution and pooling.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Spatial() => [.. Convolutions(), .. Pools(), .. Resizes()];

    private static IEnumerable<RuleCase> Convolutions()
    {
        yield return new("Conv", [7, 11, 22], [Any(2, 2, 5, 4), Any(3, 2, 3, 3), Any(3)], L("pads", 1, 1, 1, 1));
        yield return new("Conv", [11], [Any(1, 2, 5, 4), Any(3, 2, 3, 2)], L("kernel_shape", 3, 2));
        yield return new("Conv", [11], [Any(2, 2, 6, 5), Any(3, 2, 3, 3), Any(3)], L("strides", 2, 2), L("pads", 1, 1, 1, 1));
        yield return new("Conv", [11], [Any(1, 2, 7, 6), Any(3, 2, 4, 4)], L("strides", 2, 3), L("pads", 1, 0, 2, 1));
        yield return new("Conv", [11], [Any(1, 4, 5, 5), Any(6, 2, 3, 3), Any(6)], I("group", 2), L("pads", 1, 1, 1, 1));
        yield return new("Conv", [11], [Any(2, 3, 6, 5), Any(3, 1, 3, 3)], I("group", 3), L("strides", 2, 1));
        yield return new("Conv", [11], [Any(1, 2, 7, 7), Any(2, 2, 3, 3)], L("dilations", 2, 2), L("pads", 2, 1, 0, 2));
        yield return new("Conv", [11], [Any(1, 2, 8, 7), Any(2, 2, 3, 2)], L("dilations", 2, 3), L("strides", 2, 2));
        yield return new("Conv", [11], [Any(2, 2, 7), Any(3, 2, 3), Any(3)], L("strides", 2), L("pads", 1, 0));
        yield return new("Conv", [11], [Any(1, 2, 3, 4, 3), Any(2, 2, 2, 3, 2), Any(2)], L("pads", 1, 1, 0, 0, 1, 1));
        yield return new("Conv", [11], [Any(1, 1, 4, 4, 5), Any(2, 1, 2, 2, 3)], L("strides", 2, 1, 2));
        yield return new("Conv", [11], [Any(1, 2, 5, 6), Any(2, 2, 3, 3)], S("auto_pad", "SAME_UPPER"), L("strides", 2, 2));
        yield return new("Conv", [11], [Any(1, 2, 5, 6), Any(2, 2, 2, 2)], S("auto_pad", "SAME_LOWER"));
        yield return new("Conv", [11], [Any(1, 2, 5, 6), Any(2, 2, 3, 3)], S("auto_pad", "VALID"));
        yield return new("Conv", [11], [Any(1, 2, 4, 4), Any(2, 2, 1, 1)], L("pads", 1, 0, 0, 1));
        yield return new("Conv", [7, 22], [Any(2, 4, 7, 6), Any(4, 2, 3, 2)], I("group", 2), S("auto_pad", "SAME_LOWER"),
            L("strides", 3, 2));
        yield return new("Conv", [11], [Any(1, 2, 7), Any(2, 2, 2)], S("auto_pad", "SAME_UPPER"), L("strides", 4));
        yield return new("Conv", [11], [Any(1, 1, 4, 5, 4), Any(2, 1, 2, 3, 3)], S("auto_pad", "SAME_LOWER"), L("strides", 2, 1, 3));
        yield return new("Conv", [11], [Any(1, 3, 3, 4, 4), Any(3, 1, 2, 2, 3)], I("group", 3), L("dilations", 2, 1, 1),
            L("pads", 0, 1, 1, 1, 0, 1));
        yield return new("ConvTranspose", [7, 11, 22], [Any(2, 2, 3, 4), Any(2, 3, 3, 3), Any(3)], L("pads", 1, 1, 1, 1));
        yield return new("ConvTranspose", [11], [Any(1, 2, 3, 4), Any(2, 3, 4, 4), Any(3)], L("strides", 2, 2), L("pads", 1, 1, 1, 1));
        yield return new("ConvTranspose", [11], [Any(1, 2, 3, 4), Any(2, 3, 3, 3)], L("strides", 2, 2), L("pads", 1, 1, 1, 1),
            L("output_padding", 1, 1));
        yield return new("ConvTranspose", [11], [Any(1, 4, 3, 3), Any(4, 1, 3, 3)], I("group", 2), L("strides", 2, 1));
        yield return new("ConvTranspose", [11], [Any(1, 2, 3, 3), Any(2, 2, 2, 2)], L("dilations", 2, 2));
        yield return new("ConvTranspose", [11], [Any(1, 1, 3, 3), Any(1, 2, 3, 3)], L("strides", 3, 2), L("output_shape", 10, 8));
        yield return new("ConvTranspose", [11], [Any(1, 1, 3, 3), Any(1, 2, 3, 3)], S("auto_pad", "SAME_UPPER"), L("strides", 2, 2));
        yield return new("ConvTranspose", [11], [Any(1, 2, 3, 4), Any(2, 1, 4, 3)], S("auto_pad", "SAME_LOWER"),
            L("strides", 2, 2), I("group", 2));
        yield return new("ConvTranspose", [11], [Any(1, 1, 3), Any(1, 2, 4)], S("auto_pad", "SAME_UPPER"), L("strides", 2),
            L("output_shape", 5));
        yield return new("ConvTranspose", [22], [Any(1, 2, 3, 2), Any(2, 1, 3, 3)], L("strides", 2, 3), L("output_shape", 6, 5),
            I("group", 2), L("dilations", 1, 2));
        yield return new("ConvTranspose", [11], [Any(1, 2, 3, 2, 3), Any(2, 2, 2, 3, 2)], L("strides", 2, 3, 2),
            L("output_padding", 1, 2, 0), L("pads", 0, 1, 1, 1, 0, 0));
        yield return new("ConvTranspose", [11], [Any(2, 4, 3), Any(4, 2, 3), Any(4)], I("group", 2), L("dilations", 2), L("strides", 3),
            L("output_padding", 2));
        yield return new("ConvTranspose", [11], [Any(2, 2, 4), Any(2, 2, 3), Any(2)], L("strides", 2));
        yield return new("ConvTranspose", [11], [Any(1, 1, 2, 3, 2), Any(1, 2, 2, 2, 2)], L("strides", 2, 1, 2));
    }

    private static IEnumerable<RuleCase> Pools()
    {
        yield return new("MaxPool", [7, 8, 10, 11, 12, 22], [Any(2, 2, 4, 4)], L("kernel_shape", 2, 2), L("strides", 2, 2));
        yield return new("MaxPool", [12], [Any(1, 2, 5, 5)], L("kernel_shape", 3, 3), L("strides", 2, 2), L("pads", 1, 1, 1, 1));
        yield return new("MaxPool", [12], [Any(1, 2, 5, 6)], L("kernel_shape", 2, 3), I("ceil_mode", 1), L("strides", 2, 2));
        yield return new("MaxPool", [12], [Any(1, 1, 6, 6)], L("kernel_shape", 2, 2), L("dilations", 2, 2));
        yield return new("MaxPool", [12], [Any(1, 1, 5, 6)], L("kernel_shape", 2, 2), I("storage_order", 1));
        yield return new("MaxPool", [12], [Any(1, 2, 5, 6)], L("kernel_shape", 3, 3), S("auto_pad", "SAME_UPPER"), L("strides", 2, 2));
        yield return new("MaxPool", [12], [Any(1, 2, 7)], L("kernel_shape", 3), L("strides", 2));
        yield return new("MaxPool", [12], [Any(1, 1, 3, 4, 4)], L("kernel_shape", 2, 2, 2));
        yield return new("AveragePool", [7, 10, 11, 19], [Any(2, 2, 4, 6)], L("kernel_shape", 2, 3), L("strides", 2, 3));
        yield return new("AveragePool", [11], [Any(2, 2, 5, 5)], L("kernel_shape", 3, 3), L("pads", 1, 1, 1, 1));
        yield return new("AveragePool", [11], [Any(1, 2, 5, 5)], L("kernel_shape", 3, 3), L("pads", 1, 1, 1, 1), I("count_include_pad", 1),
            L("strides", 2, 2));
        yield return new("AveragePool", [11], [Any(1, 2, 5, 6)], L("kernel_shape", 2, 2), L("strides", 2, 2), I("ceil_mode", 1));
        yield return new("AveragePool", [19], [Any(1, 2, 6, 6)], L("kernel_shape", 2, 2), L("dilations", 2, 2));
        yield return new("AveragePool", [11], [Any(1, 2, 5, 6)], L("kernel_shape", 3, 3), S("auto_pad", "SAME_UPPER"), L("strides", 2, 2));
        yield return new("AveragePool", [11], [Any(1, 2, 7)], L("kernel_shape", 3), L("strides", 2));
        yield return new("AveragePool", [11, 22], [Any(1, 2, 5, 6)], L("kernel_shape", 3, 4), S("auto_pad", "SAME_LOWER"),
            L("strides", 2, 3));
        yield return new("AveragePool", [11], [Any(1, 2, 5, 6)], L("kernel_shape", 3, 4), S("auto_pad", "SAME_UPPER"), L("strides", 2, 3),
            I("count_include_pad", 1));
        yield return new("AveragePool", [7], [Any(1, 2, 5, 6)], L("kernel_shape", 3, 2), S("auto_pad", "VALID"), L("strides", 2, 3));
        yield return new("AveragePool", [19, 22], [Any(1, 2, 8, 7)], L("kernel_shape", 2, 3), L("strides", 3, 2), L("dilations", 2, 1),
            L("pads", 1, 0, 1, 2), I("ceil_mode", 1));
        yield return new("AveragePool", [19], [Any(1, 2, 8, 7)], L("kernel_shape", 3, 3), L("strides", 2, 2), L("pads", 1, 1, 0, 1),
            I("ceil_mode", 1), I("count_include_pad", 1));
        yield return new("AveragePool", [10], [Any(1, 2, 6)], L("kernel_shape", 3), L("strides", 2), I("ceil_mode", 1));
        yield return new("AveragePool", [19], [Any(1, 1, 4, 5, 5)], L("kernel_shape", 2, 2, 3), L("strides", 2, 2, 2), I("ceil_mode", 1),
            L("pads", 1, 0, 0, 0, 1, 1));
        yield return new("MaxPool", [12], [Any(1, 2, 7)], L("kernel_shape", 3), L("strides", 2), I("ceil_mode", 1), L("pads", 1, 0));
        yield return new("MaxPool", [11], [Any(1, 1, 4, 5, 4)], L("kernel_shape", 2, 3, 2), L("dilations", 2, 1, 1),
            L("pads", 0, 1, 1, 1, 0, 0), L("strides", 1, 2, 2));
        yield return new("MaxPool", [8], [Any(1, 2, 5, 6)], L("kernel_shape", 2, 3), S("auto_pad", "SAME_LOWER"), L("strides", 2, 2),
            I("storage_order", 1))
            { Outputs = 2 };
        yield return new("LpPool", [7, 11, 18, 22], [Any(2, 2, 5, 4)], L("kernel_shape", 2, 3), L("strides", 2, 1), L("pads", 1, 0, 0, 1));
        foreach (var p in new[] { 1, 3, 4 })
        {
            yield return new("LpPool", [7, 18], [Any(1, 2, 5, 6)], L("kernel_shape", 2, 2), I("p", p));
            yield return new("GlobalLpPool", [7, 21], [Any(2, 2, 3, 4)], I("p", p));
        }

        yield return new("LpPool", [18], [Any(1, 2, 7, 6)], L("kernel_shape", 2, 2), L("dilations", 2, 3), L("strides", 2, 1));
        yield return new("LpPool", [22], [Any(1, 2, 6, 6)], L("kernel_shape", 3, 3), L("strides", 2, 2), I("ceil_mode", 1));
        yield return new("LpPool", [11], [Any(1, 2, 7, 6)], L("kernel_shape", 3, 2), L("strides", 2, 3), S("auto_pad", "SAME_UPPER"));
        yield return new("LpPool", [22], [Any(1, 2, 7, 6)], L("kernel_shape", 3, 2), L("strides", 2, 1), S("auto_pad", "SAME_LOWER"));
        yield return new("LpPool", [18], [Any(1, 2, 7)], L("kernel_shape", 3), S("auto_pad", "VALID"));
        yield return new("LpPool", [18], [Any(1, 1, 4, 3, 5)], L("kernel_shape", 2, 2, 3), I("p", 3));
        yield return new("GlobalLpPool", [7, 21], [Any(2, 2, 3, 2, 2)]);
        yield return new("GlobalAveragePool", [22], [Any(2, 3, 5)]);
        yield return new("GlobalMaxPool", [7], [Any(2, 2, 3, 2, 2)]);
        yield return new("AveragePool", [11], [Any(1, 2, 3, 4, 4)], L("kernel_shape", 2, 2, 2));
        yield return new("GlobalAveragePool", [7, 22], [Any(2, 2, 3, 4)]);
        yield return new("GlobalMaxPool", [7, 22], [Any(2, 2, 3, 4)]);
    }
}
