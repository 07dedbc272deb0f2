using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Convolution, pooling, normalisation, resampling.</content>
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
        yield return new("Conv", [11], [Any(1, 2, 5, 6), Any(2, 2, 3, 3)], S("auto_pad", "SAME_UPPER"), L("strides", 2, 2)) { NeedsSizes = true };
        yield return new("Conv", [11], [Any(1, 2, 5, 6), Any(2, 2, 2, 2)], S("auto_pad", "SAME_LOWER"));
        yield return new("Conv", [11], [Any(1, 2, 5, 6), Any(2, 2, 3, 3)], S("auto_pad", "VALID"));
        yield return new("Conv", [11], [Any(1, 2, 4, 4), Any(2, 2, 1, 1)], L("pads", 1, 0, 0, 1));
        yield return new("ConvTranspose", [7, 11, 22], [Any(2, 2, 3, 4), Any(2, 3, 3, 3), Any(3)], L("pads", 1, 1, 1, 1));
        yield return new("ConvTranspose", [11], [Any(1, 2, 3, 4), Any(2, 3, 4, 4), Any(3)], L("strides", 2, 2), L("pads", 1, 1, 1, 1));
        yield return new("ConvTranspose", [11], [Any(1, 2, 3, 4), Any(2, 3, 3, 3)], L("strides", 2, 2), L("pads", 1, 1, 1, 1), L("output_padding", 1, 1));
        yield return new("ConvTranspose", [11], [Any(1, 4, 3, 3), Any(4, 1, 3, 3)], I("group", 2), L("strides", 2, 1));
        yield return new("ConvTranspose", [11], [Any(1, 2, 3, 3), Any(2, 2, 2, 2)], L("dilations", 2, 2));
        yield return new("ConvTranspose", [11], [Any(1, 1, 3, 3), Any(1, 2, 3, 3)], L("strides", 3, 2), L("output_shape", 10, 8)) { NeedsSizes = true };
        yield return new("ConvTranspose", [11], [Any(1, 1, 3, 3), Any(1, 2, 3, 3)], S("auto_pad", "SAME_UPPER"), L("strides", 2, 2));
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
        yield return new("AveragePool", [11], [Any(1, 2, 5, 5)], L("kernel_shape", 3, 3), L("pads", 1, 1, 1, 1), I("count_include_pad", 1), L("strides", 2, 2));
        yield return new("AveragePool", [11], [Any(1, 2, 5, 6)], L("kernel_shape", 2, 2), L("strides", 2, 2), I("ceil_mode", 1)) { NeedsSizes = true };
        yield return new("AveragePool", [19], [Any(1, 2, 6, 6)], L("kernel_shape", 2, 2), L("dilations", 2, 2));
        yield return new("AveragePool", [11], [Any(1, 2, 5, 6)], L("kernel_shape", 3, 3), S("auto_pad", "SAME_UPPER"), L("strides", 2, 2)) { NeedsSizes = true };
        yield return new("AveragePool", [11], [Any(1, 2, 7)], L("kernel_shape", 3), L("strides", 2));
        yield return new("AveragePool", [11], [Any(1, 2, 3, 4, 4)], L("kernel_shape", 2, 2, 2));
        yield return new("GlobalAveragePool", [7, 22], [Any(2, 2, 3, 4)]);
        yield return new("GlobalMaxPool", [7, 22], [Any(2, 2, 3, 4)]);
    }

    private static IEnumerable<RuleCase> Resizes()
    {
        yield return new("Upsample", [7], [Any(1, 2, 2, 3)], OnnxAttribute.Of("scales", [1f, 1f, 2f, 3f]));
        yield return new("Upsample", [9], [Any(1, 2, 2, 3), Floats([4], 1, 1, 2, 2)], S("mode", "linear"));
        yield return new("Resize", [10], [Any(1, 2, 2, 3), Floats([4], 1, 1, 2, 3)]);
        yield return new("Resize", [10], [Any(1, 2, 4, 5), Floats([4], 1, 1, 0.6f, 0.6f)]);
        yield return new("Resize", [10], [Any(1, 1, 4, 5), Floats([4], 1, 1, 1.6f, 0.6f)]);
        yield return new("Resize", [10], [Any(1, 2, 2, 3), Floats([4], 1, 1, 2, 2)], S("mode", "linear"));
        foreach (var mode in new[] { "nearest", "linear", "cubic" })
        {
            foreach (var transformation in new[] { "half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric" })
            {
                int[] opsets = transformation == "half_pixel_symmetric" ? [19] : [11, 13, 18, 19];
                yield return new("Resize", opsets, [Any(1, 1, 4, 5), Floats([0]), Floats([4], 1, 1, 1.7f, 2.3f)], S("mode", mode),
                    S("coordinate_transformation_mode", transformation));
                yield return new("Resize", [opsets[^1]], [Any(1, 1, 6, 5), Absent, Absent, Integers(1, 1, 4, 3)], S("mode", mode),
                    S("coordinate_transformation_mode", transformation));
            }
        }

        foreach (var nearest in new[] { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil" })
        {
            yield return new("Resize", [13], [Any(1, 1, 4, 5), Absent, Floats([4], 1, 1, 1.5f, 0.6f)], S("nearest_mode", nearest));
        }

        yield return new("Resize", [13], [Any(2, 2, 2, 3), Absent, Floats([4], 1, 1, 2, 2)], S("mode", "nearest"),
            S("coordinate_transformation_mode", "asymmetric"), S("nearest_mode", "floor"));
        yield return new("Resize", [13], [Any(1, 1, 4, 5), Absent, Floats([4], 1, 1, 2, 2)], S("mode", "cubic"), I("exclude_outside", 1), F("cubic_coeff_a", -0.5f));
        yield return new("Resize", [18], [Any(1, 1, 7, 8), Absent, Floats([4], 1, 1, 0.6f, 0.5f)], S("mode", "linear"), I("antialias", 1)) { NeedsSizes = true };
        yield return new("Resize", [18], [Any(1, 1, 7, 8), Absent, Floats([4], 1, 1, 0.6f, 0.5f)], S("mode", "cubic"), I("antialias", 1)) { NeedsSizes = true };
        yield return new("Resize", [18], [Any(1, 1, 7, 8), Absent, Floats([4], 1, 1, 0.6f, 1.5f)], S("mode", "cubic"), I("antialias", 1), I("exclude_outside", 1)) { NeedsSizes = true };
        yield return new("Resize", [18], [Any(1, 1, 4, 5), Absent, Floats([2], 2, 1.5f)], S("mode", "linear"), L("axes", 3, 2));
        yield return new("Resize", [18], [Any(1, 1, 4, 5), Absent, Absent, Integers(6, 7)], S("mode", "linear"), L("axes", 2, 3), S("keep_aspect_ratio_policy", "not_larger")) { NeedsSizes = true };
        yield return new("Resize", [11], [Any(1, 1, 4, 5), Floats([8], 0, 0, 0.2f, 0.1f, 1, 1, 0.8f, 1.2f), Floats([0]), Integers(1, 1, 3, 4)], S("mode", "linear"),
            S("coordinate_transformation_mode", "tf_crop_and_resize"), F("extrapolation_value", 0.3f));
        yield return new("Resize", [13], [Any(1, 2, 4), Absent, Floats([3], 1, 1, 2.5f)], S("mode", "linear"));
        yield return new("Resize", [13], [Any(1, 1, 2, 3, 2), Absent, Floats([5], 1, 1, 1.5f, 2, 2)], S("mode", "linear"));
    }
}
