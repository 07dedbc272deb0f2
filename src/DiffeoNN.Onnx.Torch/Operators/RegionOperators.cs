using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Pooling of regions of interest, region by region. Regions choose places: nothing is differentiated by them.</summary>
internal static class RegionOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("RoiAlign", 16, RoiAlign),
        new("MaxRoiPool", 16, MaxRoiPool),
    ];

    private static Tensor RoiAlign(TorchNode n)
    {
        var (rois, batch, images) = (n.Numbers(1), n.Integers(2), n.X.shape);
        var isLargest = n.Text("mode", "avg") == "max";
        var regions = new List<Tensor>();
        for (var r = 0; r < batch.Length; r++)
        {
            var (across, down) = (Aligned(n, rois, r, 0), Aligned(n, rois, r, 1));
            var image = n.X.select(0, batch[r]);
            regions.Add(isLargest
                ? Largest(image, down, across)
                : Weights(down).MatrixProduct(image).MatrixProduct(Weights(across).transpose(0, 1)));
        }

        var (height, width) = (n.Int("output_height", 1), n.Int("output_width", 1));
        return regions.Count > 0 ? stack(regions) : empty([0, images[1], height, width], dtype: n.X.dtype, device: n.Device);

        // A bin averages samples that are linear in each axis, so that the axes separate.
        Tensor Weights(Sample[][] bins)
        {
            var rows = new double[bins.Length, bins.Length > 0 ? bins[0][0].Size : 0];
            for (var b = 0; b < bins.Length; b++)
            {
                foreach (var sample in bins[b])
                {
                    rows[b, sample.Low] += sample.LowWeight / bins[b].Length;
                    rows[b, sample.High] += sample.HighWeight / bins[b].Length;
                }
            }

            return tensor(rows, dtype: n.X.dtype, device: n.Device);
        }
    }

    /// <summary>The samples of each bin of a region along an axis, 0 for x and 1 for y; a sample far outside weighs nothing.</summary>
    private static Sample[][] Aligned(TorchNode n, double[] rois, int region, int axis)
    {
        var size = (int)n.X.shape[3 - axis];
        var bins = (int)n.Int(axis == 0 ? "output_width" : "output_height", 1);
        var isHalf = n.Text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
        float Edge(int column) => ((float)rois[(4 * region) + column] * (float)n.Float("spatial_scale", 1)) - (isHalf ? 0.5f : 0);
        var (first, extent) = (Edge(axis), Edge(axis + 2) - Edge(axis));
        var bin = (isHalf ? extent : Math.Max(extent, 1)) / bins;
        var given = (int)n.Int("sampling_ratio", 0);
        var count = given > 0 ? given : (int)MathF.Ceiling(bin);
        return [.. Enumerable.Range(0, bins).Select(b => count < 1 ? [new Sample(0, 0, 0, 0, size)]
            : Enumerable.Range(0, count).Select(s => Sample.At(first + (b * bin) + ((s + 0.5f) * bin / count), size)).ToArray())];
    }

    /// <summary>The largest product of an element and its weight, as the operator has it: not the largest sample.</summary>
    private static Tensor Largest(Tensor image, Sample[][] down, Sample[][] across)
    {
        var (rows, columns) = (Parts(down), Parts(across));
        var products = image.index_select(1, rows.Index).index_select(2, columns.Index).mul(rows.Weight.unsqueeze(1)).mul(columns.Weight);
        return products.reshape(image.shape[0], down.Length, -1, across.Length, products.shape[2] / across.Length).amax([2, 4]);

        (Tensor Index, Tensor Weight) Parts(Sample[][] bins)
        {
            Sample[] all = [.. bins.SelectMany(bin => bin)];
            return (tensor(all.SelectMany(s => new long[] { s.Low, s.High }).ToArray(), device: image.device),
                tensor(all.SelectMany(s => new[] { s.LowWeight, s.HighWeight }).ToArray(), dtype: image.dtype, device: image.device));
        }
    }

    /// <summary>The largest element of each bin, whose edges are rounded outwards; 0 for bins outside the image.</summary>
    private static Tensor MaxRoiPool(TorchNode n)
    {
        var (rois, pooled) = (n.Numbers(1), n.Ints("pooled_shape") ?? throw n.Refuse("lacks pooled_shape"));
        var count = rois.Length / 5;
        var regions = new List<Tensor>();
        for (var r = 0; r < count; r++)
        {
            var image = n.X.select(0, (long)rois[5 * r]);
            foreach (var axis in (int[])[0, 1])
            {
                var none = image.narrow(axis + 1, 0, 1).FilledLike(0);
                image = cat([.. Rounded(n, rois, r, axis).Select(bin =>
                    bin.End > bin.Start ? image.slice(axis + 1, bin.Start, bin.End, 1).amax([axis + 1L], true) : none)], axis + 1);
            }

            regions.Add(image);
        }

        return count > 0 ? stack(regions) : empty([0, n.X.shape[1], .. pooled], dtype: n.X.dtype, device: n.Device);
    }

    private static IEnumerable<(long Start, long End)> Rounded(TorchNode n, double[] rois, int region, int axis)
    {
        var (size, bins) = (n.X.shape[axis + 2], n.Ints("pooled_shape")![axis]);
        // MathF.Round would round halves to even numbers.
        float Edge(int column) => MathF.Floor(((float)rois[(5 * region) + column] * (float)n.Float("spatial_scale", 1)) + 0.5f);
        var first = Edge(2 - axis);
        var bin = Math.Max(Edge(4 - axis) - first + 1, 1) / bins;
        return Enumerable.Range(0, (int)bins).Select(b => (
            (long)Math.Clamp(MathF.Floor(b * bin) + first, 0, size), (long)Math.Clamp(MathF.Ceiling((b + 1) * bin) + first, 0, size)));
    }

    /// <summary>A sample between two elements of an axis.</summary>
    private sealed record Sample(int Low, int High, double LowWeight, double HighWeight, int Size)
    {
        public static Sample At(float place, int size)
        {
            if (!(place >= -1 && place <= size)) return new Sample(0, 0, 0, 0, size);
            place = Math.Clamp(place, 0, size - 1);
            var low = (int)place;
            return new Sample(low, Math.Min(low + 1, size - 1), 1 - (place - low), place - low, size);
        }
    }
}
