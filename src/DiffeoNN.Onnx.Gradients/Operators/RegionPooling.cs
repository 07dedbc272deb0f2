namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Pooling of regions of interest. The regions choose places, so gradients flow to the image alone.</summary>
internal static class RegionPooling
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("RoiAlign", new(10, RoiAlign) { NonDifferentiableInputs = [1, 2] })
        {
            Takes = new(3, 3), InputNames = ["X", "rois", "batch_indices"], Ranks = ["4", "2", "1"], Shapes = ShapeInference.RoiAlign,
            Upgrades = [new(16, (n, _) => [OpsetConverter.Default(n, "coordinate_transformation_mode", "output_half_pixel")])],
        },
        new("MaxRoiPool", new(7, MaxRoiPool) { NonDifferentiableInputs = [1] })
        {
            Takes = new(2, 2), InputNames = ["X", "rois"], Shapes = ShapeInference.MaxRoiPool,
        },
    ];

    /// <summary>
    /// Each bin of a region averages samples: dX(i) = sum of dY(bin) w(i, sample) / samples in the bin. In max mode a bin holds the largest
    /// product w X(i), not sample, which gets the gradient; equal ones share it.
    /// </summary>
    private static Func<Value>[] RoiAlign(RuleContext n) =>
    [
        () =>
        {
            AxisSamples[] axes = [Aligned(n, 0), Aligned(n, 1)];
            var sampler = new Sampler(n.X, [axes[0].Taps, axes[1].Taps], n.Input(2).Cast(OnnxElementType.Int64).Reshape(-1, 1, 1, 1, 1));
            return n.Node.GetString("mode", "avg") == "max"
                ? OfLargest(n, sampler, axes)
                : sampler.ImageGradient((n.dY.ChannelsFirst() / (axes[0].Count! * axes[1].Count!)).Unsqueeze(3, 5));
        },
    ];

    /// <summary>Each bin holds the largest element, which gets the gradient; equal ones share it.</summary>
    private static Func<Value>[] MaxRoiPool(RuleContext n) =>
    [
        () =>
        {
            AxisSamples[] axes = [Rounded(n, 0), Rounded(n, 1)];
            var batch = n.Input(1).Gather(n.Builder.Integers(0).Reshape([]), 1).Cast(OnnxElementType.Int64).Reshape(-1, 1, 1, 1, 1);
            return OfLargest(n, new Sampler(n.X, [axes[0].Taps, axes[1].Taps], batch), axes);
        },
    ];

    private static Value OfLargest(RuleContext n, Sampler sampler, AxisSamples[] axes)
    {
        var builder = n.Builder;
        var counted = builder.Op("And", axes[0].Counted, axes[1].Counted).Unsqueeze(-1);
        var parts = sampler.Parts.Select(p => builder.Op("Where", counted, p, p.Like(double.NegativeInfinity))).ToArray();
        var most = parts.Length == 1 ? parts[0] : builder.Op("Max", parts);
        var largest = builder.Opset >= 18
            ? builder.Op("ReduceMax", most, builder.Integers(2, 4))
            : most.Apply("ReduceMax", OnnxAttribute.Of("axes", [2L, 4L]));
        var taken = parts.Select(p => builder.Op("Equal", p, largest).AsNumber(p)).ToArray();
        var share = n.dY.ChannelsLast().Unsqueeze(2, 4) / (taken.Length == 1 ? taken[0] : builder.Op("Sum", taken)).Sum([2, 4]);
        return sampler.ImageGradient([.. taken.Select(t => (t * share).Transpose(5, 0, 1, 2, 3, 4))]);
    }

    /// <summary>Samples evenly spread over the bins. How many follows from the region's size where the node does not say:
    /// then some have places for more than they take.</summary>
    private static AxisSamples Aligned(RuleContext n, int axis)
    {
        var (builder, rois) = (n.Builder, n.Input(1));
        var half = n.Node.GetString("coordinate_transformation_mode", "half_pixel") == "half_pixel";
        Value Edge(int column) =>
            (rois.Gather(builder.Integers(column), 1).Reshape(-1, 1, 1) * n.Node.GetFloat("spatial_scale", 1)) - (half ? 0.5 : 0);
        var (bins, size) = (n.Node.GetInt(axis == 0 ? "output_height" : "output_width", 1), n.X.Size(axis + 2).Reshape([]));
        var (first, extent) = (Edge(1 - axis), Edge(3 - axis) - Edge(1 - axis));
        var bin = (half ? extent : builder.Op("Max", extent, extent.Like(1))) / builder.Scalar(bins, rois.ElementType);
        var given = n.Node.GetInt("sampling_ratio", 0);
        var count = given > 0 ? rois.Like(given).Reshape(1, 1, 1) : bin.Apply("Ceil");
        var most = builder.Op("Max", builder.Integers(1), given > 0 ? builder.Integers(given)
            : count.Apply("ReduceMax", OnnxAttribute.Of("keepdims", 0)).Cast(OnnxElementType.Int64).Reshape(1));
        var steps = Sampling.Count(most).Cast(rois.ElementType) + 0.5;
        var divisor = builder.Op("Max", count, count.Like(1));
        var place = first + (Numbers(rois, bins) * bin) + (steps * (bin / divisor));
        var limit = size.Cast(rois.ElementType);
        var outside = builder.Op("Or", place < -1, place > limit);
        var counted = steps < count;
        var weight = builder.Op("And", outside.Apply("Not"), counted).AsNumber(rois);
        var inside = builder.Op("Min", builder.Op("Max", place, place.Like(0)), limit - 1);
        return new AxisSamples(Placed(Tap.Of(inside, size, "linear", OutsideRule.Border), weight, axis), Shaped(counted, axis), divisor);
    }

    /// <summary>All elements of bins whose edges are rounded outwards; the largest bin decides how many places all have.</summary>
    private static AxisSamples Rounded(RuleContext n, int axis)
    {
        var (builder, rois) = (n.Builder, n.Input(1));
        Value Edge(int column) =>
            ((rois.Gather(builder.Integers(column), 1).Reshape(-1, 1, 1) * n.Node.GetFloat("spatial_scale", 1)) + 0.5).Apply("Floor");
        var (bins, size) = (n.Node.GetInts("pooled_shape")![axis], n.X.Size(axis + 2).Reshape([]));
        var (first, last) = (Edge(2 - axis), Edge(4 - axis));
        var bin = builder.Op("Max", last - first + 1, last.Like(1)) / builder.Scalar(bins, rois.ElementType);
        var limit = size.Cast(rois.ElementType);
        Value Clamped(Value place) => builder.Op("Min", builder.Op("Max", place, place.Like(0)), limit);
        var start = Clamped((Numbers(rois, bins) * bin).Apply("Floor") + first);
        var end = Clamped(((Numbers(rois, bins) + 1) * bin).Apply("Ceil") + first);
        var most = builder.Op("Max", builder.Integers(1),
            (end - start).Apply("ReduceMax", OnnxAttribute.Of("keepdims", 0)).Cast(OnnxElementType.Int64).Reshape(1));
        var place = start + Sampling.Count(most).Cast(rois.ElementType);
        var counted = place < end;
        return new AxisSamples(Placed(Tap.Of(place, size, "nearest", OutsideRule.Border), counted.AsNumber(rois), axis),
            Shaped(counted, axis), null);
    }

    /// <summary>0, 1, 2, ... as a column.</summary>
    private static Value Numbers(Value like, long count) =>
        like.Builder.Constant(
            OnnxTensor.FromDoubles("", like.ElementType, [count, 1], [.. Enumerable.Range(0, (int)count).Select(i => (double)i)]));

    private static Tap[] Placed(Tap[] taps, Value weight, int axis) =>
        [.. taps.Select(t => new Tap(Shaped(t.Index, axis), Shaped(t.Weight is null ? weight : t.Weight * weight, axis), null))];

    /// <summary>(regions, bins, samples) among the axes (regions, bins down, samples down, bins across, samples across).</summary>
    private static Value Shaped(Value value, int axis) => axis == 0 ? value.Unsqueeze(3, 4) : value.Unsqueeze(1, 2);

    /// <summary>Samples along one axis.</summary>
    /// <param name="Taps">The elements that they read.</param>
    /// <param name="Counted">Which places hold a sample.</param>
    /// <param name="Count">How many samples a bin of each region has, at least 1; null where nothing is averaged.</param>
    private sealed record AxisSamples(Tap[] Taps, Value Counted, Value? Count);
}
