namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Operators between images and their blocks, patches or pooled maxima.</summary>
internal static class PatchesAndBlocks
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("DepthToSpace", new(7, DepthToSpace))
        {
            Takes = new(1, 1), Ranks = ["4"], Check = ShapeChecks.Blocks,
            Attributes = [new("blocksize") { IsRequired = true }], Shapes = ShapeInference.DepthToSpace,
        },
        new("SpaceToDepth", new(7, n => [() => n.dY.Apply("DepthToSpace", OnnxAttribute.Of("blocksize", n.Node.GetInt("blocksize", 1)))]))
        {
            Takes = new(1, 1), Ranks = ["4"], Check = ShapeChecks.Blocks,
            Attributes = [new("blocksize") { IsRequired = true }], Shapes = ShapeInference.SpaceToDepth,
        },
        new("Col2Im", new(18, ColumnsToImage) { NonDifferentiableInputs = [1, 2], Limits = "The length of `image_shape` must be known." })
        {
            Takes = new(3, 3), InputNames = ["input", "image_shape", "block_shape"], Ranks = ["3", "1", "1"],
            Shapes = ShapeInference.ColumnsToImage,
        },
        new("MaxUnpool", new(9, MaxUnpool) { NonDifferentiableInputs = [1, 2] })
        {
            Takes = new(2, 3), InputNames = ["X", "I", "output_shape"], Ranks = ["3+", "=", "1"],
            Attributes = [new("kernel_shape") { IsRequired = true, Since = 9 }, new("scale", OnnxAttributeKind.Ints)],
            Shapes = ShapeInference.MaxUnpool,
        },
    ];

    private static Func<Value>[] DepthToSpace(RuleContext n)
    {
        var block = n.Node.GetInt("blocksize", 1);
        var blocks = n.dY.Apply("SpaceToDepth", OnnxAttribute.Of("blocksize", block));
        if (n.Node.GetString("mode", "DCR") == "DCR")
            return [() => blocks];
        // Channels come out as (block, channel); this mode keeps (channel, block).
        var shape = n.Builder.Node("Concat", [n.X.Size(0), n.Builder.Integers(block * block), n.Y.Size(1), n.X.Size(2) * n.X.Size(3)],
            OnnxAttribute.Of("axis", 0))[0];
        return [() => blocks.ReshapeTo(shape).Transpose(0, 2, 1, 3).ReshapeLike(n.X)];
    }

    /// <summary>Every column adds a patch to the image, so its gradient is that patch of dY.</summary>
    private static Func<Value>[] ColumnsToImage(RuleContext n)
    {
        var lists = new[] { n.Node.GetInts("strides")?.Count, n.Node.GetInts("dilations")?.Count, n.Node.GetInts("pads")?.Count / 2 };
        var rank = (int)(n.Shapes.Shape(1)?[0].Size ?? n.Shapes.Shape(2)?[0].Size ?? lists.FirstOrDefault(l => l is not null)
            ?? n.Y.KnownRank - 2
            ?? throw n.Refuse("the number of its spatial axes is not known; declare the length of image_shape."));
        var pads = n.Node.GetInts("pads")?.ToArray() ?? new long[2 * rank];
        return
        [
            () =>
            {
                var image = n.dY.Pad([0, 0, .. pads[..rank], 0, 0, .. pads[rank..]]);
                for (var d = 0; d < rank; d++)
                    image = image.Gather(PatchPositions(n, d, pads[d] + pads[d + rank]), 2 + (2 * d));
                // Axes are now batch, channel and for each spatial axis (place in the patch, patch).
                var spatial = Enumerable.Range(0, rank).Select(d => 2 + (2 * d)).ToArray();
                return image.Transpose([0, 1, .. spatial, .. spatial.Select(d => d + 1)]).ReshapeLike(n.X);
            },
        ];
    }

    /// <summary>Position along a spatial axis of the padded image, for each place in the patch and each patch.</summary>
    private static Value PatchPositions(RuleContext n, int axis, long padding)
    {
        var (dilation, stride) = (n.Node.GetInts("dilations")?[axis] ?? 1, n.Node.GetInts("strides")?[axis] ?? 1);
        var (image, block) = (n.Input(1).Slice(0, axis, axis + 1), n.Input(2).Slice(0, axis, axis + 1));
        var within = Indexing.Positions(block) * n.Builder.Integers(dilation);
        // As many patches as fit: (image + padding - dilation * (block - 1) - 1) / stride + 1.
        var room = image + n.Builder.Integers(padding + dilation - 1) - (block * n.Builder.Integers(dilation));
        var starts = Indexing.Positions((room / n.Builder.Integers(stride)) + n.Builder.Integers(1)) * n.Builder.Integers(stride);
        return within.Unsqueeze(1) + starts.Unsqueeze(0);
    }

    /// <summary>
    /// Every element gets what stands where it was put: its index in the flat output (whose shape is output_shape where given,
    /// as ONNX Runtime reads it). Where several were put to one place, the one that is left there gets it.
    /// </summary>
    private static Func<Value>[] MaxUnpool(RuleContext n) =>
    [
        () =>
        {
            var places = n.Input(1);
            var gradient = n.dY.Reshape(-1).Gather(places);
            if (Apart(n.Node))
                return gradient;
            var numbers = Indexing.Positions(n.X.Apply("Size").Reshape(1));
            var zeros = n.Builder.Op("Expand", n.Builder.Integers(0), n.Y.Apply("Size").Reshape(1));
            var last = Indexing.Scatter(zeros, places.Reshape(-1), numbers, 0, "none");
            return n.Builder.Op("Where", n.Builder.Op("Equal", last.Gather(places), numbers.ReshapeLike(n.X)), gradient, gradient.Like(0));
        },
    ];

    /// <summary>Whether pooling windows of these sizes share no element, so that no place is named twice.</summary>
    private static bool Apart(OnnxNode node)
    {
        var strides = node.GetInts("strides");
        return node.GetInts("kernel_shape")?.Select((k, i) => k <= (strides?[i] ?? 1)).All(apart => apart) == true;
    }
}
