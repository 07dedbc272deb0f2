using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Sampling between elements: grids, regions, deformable convolution.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Samplings() => [.. Grids(), .. Deformed(), .. Regions()];

    private static IEnumerable<RuleCase> Grids()
    {
        foreach (var padding in new[] { "zeros", "border", "reflection" })
        {
            foreach (var corners in new[] { 0, 1 })
            {
                OnnxAttribute[] attributes = [S("padding_mode", padding), I("align_corners", corners)];
                foreach (var (old, mode) in new[] { ("bilinear", "linear"), ("bicubic", "cubic"), ("nearest", "nearest") })
                {
                    yield return new("GridSample", [16], [Any(2, 2, 4, 5), Places(corners, [4, 5], 2, 3, 4)],
                        [S("mode", old), .. attributes]);
                    yield return new("GridSample", [20, 22], [Any(2, 3, 4, 3), Places(corners, [4, 3], 2, 3, 5)],
                        [S("mode", mode), .. attributes]);
                    if (mode != "cubic")
                        yield return new("GridSample", [20, 22], [Any(2, 2, 3, 2, 4), Places(corners, [3, 2, 4], 2, 2, 3, 3)],
                            [S("mode", mode), .. attributes]);
                }
            }
        }

        yield return new("GridSample", [16, 22], [Any(1, 1, 5, 4), Places(0, [5, 4], 1, 4, 6)]);
        yield return new("GridSample", [22], [Any(1, 2, 1, 4), Places(0, [1, 4], 1, 4, 6)], S("padding_mode", "reflection"));
        yield return new("AffineGrid", [20], [Any(2, 2, 3), Integers(2, 3, 4, 5).AtRunTime]);
        foreach (var corners in new[] { 0, 1 })
        {
            yield return new("AffineGrid", [20, 22], [Any(2, 2, 3), Integers(2, 3, 4, 5)], I("align_corners", corners));
            yield return new("AffineGrid", [20], [Any(3, 3, 4), Integers(3, 1, 2, 4, 3)], I("align_corners", corners));
        }
    }

    private static IEnumerable<RuleCase> Deformed()
    {
        yield return new("DeformConv", [19, 22], [Any(2, 2, 4, 5), Any(3, 2, 2, 2), Moves(2, 8, 3, 4), Any(3)], L("kernel_shape", 2, 2));
        yield return new("DeformConv", [22], [Any(1, 1, 4, 4), Any(2, 1, 3, 3), Moves(1, 18, 4, 4)], L("kernel_shape", 3, 3),
            L("pads", 1, 1, 1, 1));
        yield return new("DeformConv", [19], [Any(1, 2, 6, 5), Any(2, 2, 2, 3), Moves(1, 12, 3, 2), Absent, Any(1, 6, 3, 2)],
            L("kernel_shape", 2, 3), L("strides", 2, 1), L("pads", 0, 1, 1, 0), L("dilations", 2, 2));
        yield return new("DeformConv", [22], [Any(2, 4, 4, 3), Any(4, 2, 2, 2), Moves(2, 16, 3, 2), Any(4), Any(2, 8, 3, 2)],
            L("kernel_shape", 2, 2), I("group", 2), I("offset_group", 2));
        yield return new("DeformConv", [22], [Any(1, 4, 4, 3), Any(4, 1, 2, 2), Moves(1, 16, 3, 2)], L("kernel_shape", 2, 2), I("group", 4),
            I("offset_group", 2));
    }

    /// <summary>The runtime has no kernels of version 22, where these operators gained element types only.</summary>
    private static IEnumerable<RuleCase> Regions()
    {
        var rois = Floats([3, 4], 0.6f, 1.2f, 5.1f, 4.4f, 0, 0, 2.3f, 6.7f, 3.2f, 2.1f, 11, 12.6f);
        var batch = Integers(1, 0, 1);
        yield return new("RoiAlign", [10], [Any(2, 3, 6, 7), rois, batch], I("output_height", 2), I("output_width", 3),
            I("sampling_ratio", 2));
        foreach (var transformation in new[] { "half_pixel", "output_half_pixel" })
        {
            foreach (var (mode, ratio) in new[] { ("avg", 2), ("avg", 0), ("max", 2), ("max", 0) })
            {
                yield return new("RoiAlign", [16], [Any(2, 2, 6, 7), rois, batch], S("mode", mode), I("sampling_ratio", ratio),
                    I("output_height", 2), I("output_width", 3),
                    F("spatial_scale", 0.7f), S("coordinate_transformation_mode", transformation));
            }
        }

        yield return new("RoiAlign", [18], [Any(1, 2, 5, 5), Floats([1, 4], 1, 1, 3.5f, 3.7f), Integers(0)]);
        yield return new("RoiAlign", [16], [Any(2, 2, 6, 7), rois.AtRunTime, batch.AtRunTime], I("output_height", 2), I("output_width", 3));
        yield return new("MaxRoiPool", [7, 21],
            [Any(2, 2, 6, 7), Floats([3, 5], 1, 0.6f, 1.2f, 5.1f, 4.4f, 0, 0, 0, 2.3f, 6.7f, 1, 3.2f, 2.1f, 11, 12.6f)],
            L("pooled_shape", 2, 3), F("spatial_scale", 0.7f));
        yield return new("MaxRoiPool", [7], [Any(1, 2, 5, 6), Floats([2, 5], 0, 1, 1, 4, 3, 0, 0, 2, 5, 4)], L("pooled_shape", 3, 2));
    }

    /// <summary>Offsets that leave no sample near an element.</summary>
    private static Operand Moves(params long[] shape) => new(shape, random =>
        [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b))
            .Select(_ => random.Next(-2, 2) + 0.1 + (0.8 * random.NextDouble()))],
        null, true);

    /// <summary>Places in a grid, some outside the image, none near an element or half way between two.</summary>
    private static Operand Places(int corners, int[] sizes, params long[] samples) => new([.. samples, sizes.Length], random =>
    {
        var count = (int)samples.Aggregate(1L, (a, b) => a * b);
        var result = new double[count * sizes.Length];
        for (var i = 0; i < result.Length; i++)
        {
            var size = sizes[sizes.Length - 1 - (i % sizes.Length)];
            var position = random.Next(-3, size + 2) + (random.Next(2) * 0.5) + 0.1 + (0.3 * random.NextDouble());
            result[i] = corners != 0 ? (2 * position / (size - 1)) - 1 : (((2 * position) + 1) / size) - 1;
        }

        return result;
    }, null, true);
}
