namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>How Resize treats one axis.</summary>
/// <param name="Axis">The axis.</param>
/// <param name="Input">Its size before; null where free.</param>
/// <param name="Output">Its size after; null where free.</param>
/// <param name="Scale">Output size by input size, as given or derived; 0 where free.</param>
/// <param name="RoiStart">Start of the region of interest, by the input's size.</param>
/// <param name="RoiEnd">End of the region of interest.</param>
/// <param name="Position">Place among the axes that the node's scales and sizes speak of.</param>
/// <param name="Count">How many axes they speak of.</param>
internal sealed record ResizeAxis(
    int Axis, long? Input, long? Output, double Scale, double RoiStart, double RoiEnd, int Position, int Count)
{
    /// <summary>Whether everything is known while the graph is compiled.</summary>
    public bool IsKnown => Input is not null && Output is not null && Scale > 0 && !double.IsNaN(RoiStart);

    /// <summary>The axes that a Resize node changes.</summary>
    public static IReadOnlyList<ResizeAxis> Read(RuleContext n)
    {
        var rank = n.X.Rank;
        var axes = n.Node.GetInts("axes")?.Select(a => n.Axis(a, rank)).ToArray() ?? [.. Enumerable.Range(0, rank)];
        var crops = n.Node.GetString("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize";
        var roi = crops && n.Has(1) ? Numbers(n, 1) ?? [.. Enumerable.Repeat(double.NaN, 2 * axes.Length)] : null;
        if (crops && roi?.Length != 2 * axes.Length)
            throw n.Refuse("its region of interest does not fit its axes.");
        var sizes = n.Has(3) ? n.Input(3).Facts.Items?.Select(i => i.Integer?.Size).ToArray() : null;
        var scales = n.Has(3) ? null : Numbers(n, 2);
        var result = new List<ResizeAxis>();
        for (var i = 0; i < axes.Length; i++)
        {
            var (before, after) = (n.X.Shape![axes[i]], n.Y.Shape?[axes[i]]);
            double? scale;
            long? output;
            if (scales is not null)
            {
                scale = (float)scales[i];
                output = before.Size is { } size ? (long)Math.Floor((float)size * (float)scales[i]) : null;
            }
            else
            {
                output = sizes?[i] ?? after?.Size;
                // The ratio can be known where the sizes are not.
                scale = output is { } o && before.Size is { } b
                    ? (double)((float)o / b)
                    : after is not null ? Dim.DivideExactly(after, before)?.Size : null;
                if (n.Node.GetString("keep_aspect_ratio_policy", "stretch") is var policy and not "stretch")
                {
                    // Null where a size is free: the graph finds the scale then.
                    var ratios = sizes?.Select((s, k) => (float?)s / n.X.Shape[axes[k]].Size).ToArray();
                    scale = ratios?.Contains(null) == false ? policy == "not_larger" ? ratios.Min() : ratios.Max() : null;
                    output = scale * before.Size is { } wanted ? (long)Math.Floor(wanted + 0.5) : null;
                }
            }

            // A computed scale may be 1 less a trifle without changing the size: only computed sizes that stay are left alone.
            if (scale is null && n.Has(3) && roi is null && before.Equals(after))
                continue;
            if (scale != 1 || (before.Size != output && output is not null) || roi is not null)
                result.Add(new ResizeAxis(axes[i], before.Size, output, scale ?? 0, roi?[i] ?? 0, roi?[i + axes.Length] ?? 1,
                    i, axes.Length));
        }

        return result;
    }

    private static double[]? Numbers(RuleContext n, int input) =>
        n.Has(input) && n.Input(input).Facts.Items is { } items && Array.TrueForAll(items, i => i.IsKnown)
            ? Array.ConvertAll(items, i => i.Number)
            : null;
}
