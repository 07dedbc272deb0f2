using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Resizing.</content>
internal static partial class RuleCases
{
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
            foreach (var transformation in new[] { "half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                "half_pixel_symmetric" })
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
        yield return new("Resize", [13], [Any(1, 1, 4, 5), Absent, Floats([4], 1, 1, 2, 2)], S("mode", "cubic"), I("exclude_outside", 1),
            F("cubic_coeff_a", -0.5f));
        yield return new("Resize", [18], [Any(1, 1, 7, 8), Absent, Floats([4], 1, 1, 0.6f, 0.5f)], S("mode", "linear"), I("antialias", 1));
        yield return new("Resize", [18], [Any(1, 1, 7, 8), Absent, Floats([4], 1, 1, 0.6f, 0.5f)], S("mode", "cubic"), I("antialias", 1));
        yield return new("Resize", [18], [Any(1, 1, 7, 8), Absent, Floats([4], 1, 1, 0.6f, 1.5f)], S("mode", "cubic"), I("antialias", 1),
            I("exclude_outside", 1));
        yield return new("Resize", [18], [Any(1, 1, 4, 5), Absent, Floats([2], 2, 1.5f)], S("mode", "linear"), L("axes", 3, 2));
        yield return new("Resize", [18], [Any(1, 1, 4, 5), Absent, Absent, Integers(6, 7)], S("mode", "linear"), L("axes", 2, 3),
            S("keep_aspect_ratio_policy", "not_larger"));
        yield return new("Resize", [11],
            [Any(1, 1, 4, 5), Floats([8], 0, 0, 0.2f, 0.1f, 1, 1, 0.8f, 1.2f), Floats([0]), Integers(1, 1, 3, 4)], S("mode", "linear"),
            S("coordinate_transformation_mode", "tf_crop_and_resize"), F("extrapolation_value", 0.3f));
        yield return new("Resize", [13], [Any(1, 2, 4), Absent, Floats([3], 1, 1, 2.5f)], S("mode", "linear"));
        yield return new("Resize", [13], [Any(1, 1, 2, 3, 2), Absent, Floats([5], 1, 1, 1.5f, 2, 2)], S("mode", "linear"));
        yield return new("Resize", [13], [Any(1, 1, 5, 4, 3), Absent, Absent, Integers(1, 1, 3, 4, 5)], S("mode", "linear"),
            S("coordinate_transformation_mode", "align_corners"));
        yield return new("Resize", [13], [Any(2, 3, 2), Absent, Floats([3], 2, 0.7f, 1.5f)], S("mode", "nearest"));
        foreach (var mode in new[] { "nearest", "linear", "cubic" })
        {
            foreach (var policy in new[] { "not_larger", "not_smaller" })
            {
                yield return new("Resize", [18, 19], [Any(1, 1, 4, 5), Absent, Absent, Integers(7, 6)], S("mode", mode), L("axes", 2, 3),
                    S("keep_aspect_ratio_policy", policy));
                yield return new("Resize", [18], [Any(1, 1, 6, 5), Absent, Absent, Integers(4, 4).AtRunTime], S("mode", mode),
                    L("axes", 3, 2), S("keep_aspect_ratio_policy", policy));
            }

            yield return new("Resize", [11],
                [Any(1, 1, 5, 4), Floats([8], 0, 0, 0.2f, 0.3f, 1, 1, 0.9f, 1.4f), Floats([0]), Integers(1, 1, 4, 5)], S("mode", mode),
                S("coordinate_transformation_mode", "tf_crop_and_resize"), F("extrapolation_value", 0.3f));
            yield return new(
                "Resize", [18], [Any(1, 1, 5, 4), Floats([4], 0.2f, 0.3f, 0.9f, 0.8f).AtRunTime, Absent, Integers(1, 5).AtRunTime],
                S("mode", mode), L("axes", 2, 3),
                S("coordinate_transformation_mode", "tf_crop_and_resize"));
            yield return new("Resize", [11, 19], [Any(1, 1, 4, 5), Floats([0]), Floats([4], 1, 1, 1.7f, 0.6f).AtRunTime], S("mode", mode));
            yield return new("Resize", [13], [Any(1, 1, 6, 5), Absent, Absent, Integers(1, 1, 4, 7).AtRunTime], S("mode", mode),
                S("coordinate_transformation_mode", "align_corners"));
            yield return new("Resize", [19], [Any(1, 1, 6, 5), Absent, Absent, Integers(4, 7).AtRunTime], S("mode", mode),
                L("axes", -2, -1), S("coordinate_transformation_mode", "half_pixel_symmetric"));
        }

        yield return new("Resize", [11, 13], [Any(1, 1, 4, 5), Floats([0]), Floats([4], 1, 1, 1.7f, 0.6f)], S("mode", "nearest"),
            S("coordinate_transformation_mode", "tf_half_pixel_for_nn"));
        yield return new("Resize", [10], [Any(1, 1, 4, 5), Floats([4], 1, 1, 1.6f, 0.6f).AtRunTime]);
        yield return new("Upsample", [9], [Any(1, 2, 2, 3), Floats([4], 1, 1, 2, 3).AtRunTime]);
        yield return new("Upsample", [9], [Any(1, 2, 2, 3), Floats([4], 1, 1, 2, 1.5f).AtRunTime], S("mode", "linear"));
        foreach (var (mode, exclude) in new[] { ("linear", 0), ("linear", 1), ("cubic", 0), ("cubic", 1) })
        {
            OnnxAttribute[] smooth = [S("mode", mode), I("antialias", 1), I("exclude_outside", exclude)];
            yield return new("Resize", [18, 19], [Any(1, 2, 6, 7), Absent, Floats([4], 1, 1, 0.4f, 1.4f)],
                [.. smooth, S("coordinate_transformation_mode", "align_corners")]);
            yield return new("Resize", [18], [Any(1, 1, 6, 7), Absent, Absent, Integers(4, 3)],
                [.. smooth, L("axes", 2, 3), S("coordinate_transformation_mode", "asymmetric")]);
            yield return new("Resize", [18], [Any(1, 1, 1, 7), Absent, Absent, Integers(2, 3).AtRunTime], [.. smooth, L("axes", 2, 3)]);
            yield return new("Resize", [18], [Any(1, 1, 6, 7), Absent, Absent, Integers(4, 3).AtRunTime],
                [.. smooth, L("axes", 2, 3), S("keep_aspect_ratio_policy", "not_smaller")]);
        }
    }
}
