using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Sampling between elements: grids, regions, deformable convolution.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Samplings() => [.. Grids()];

    private static IEnumerable<RuleCase> Grids()
    {
        foreach (var padding in new[] { "zeros", "border", "reflection" })
        {
            foreach (var corners in new[] { 0, 1 })
            {
                OnnxAttribute[] attributes = [S("padding_mode", padding), I("align_corners", corners)];
                foreach (var (old, mode) in new[] { ("bilinear", "linear"), ("bicubic", "cubic"), ("nearest", "nearest") })
                {
                    yield return new("GridSample", [16], [Any(2, 2, 4, 5), Places(corners, [4, 5], 2, 3, 4)], [S("mode", old), .. attributes]);
                    yield return new("GridSample", [20, 22], [Any(2, 3, 4, 3), Places(corners, [4, 3], 2, 3, 5)], [S("mode", mode), .. attributes]);
                    if (mode != "cubic")
                        yield return new("GridSample", [20, 22], [Any(2, 2, 3, 2, 4), Places(corners, [3, 2, 4], 2, 2, 3, 3)], [S("mode", mode), .. attributes]);
                }
            }
        }

        yield return new("GridSample", [16, 22], [Any(1, 1, 5, 4), Places(0, [5, 4], 1, 4, 6)]);
        yield return new("GridSample", [22], [Any(1, 2, 1, 4), Places(0, [1, 4], 1, 4, 6)], S("padding_mode", "reflection"));
        foreach (var corners in new[] { 0, 1 })
        {
            yield return new("AffineGrid", [20, 22], [Any(2, 2, 3), Integers(2, 3, 4, 5)], I("align_corners", corners));
            yield return new("AffineGrid", [20], [Any(3, 3, 4), Integers(3, 1, 2, 4, 3)], I("align_corners", corners));
        }
    }

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
