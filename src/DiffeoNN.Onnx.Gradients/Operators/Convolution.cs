namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Convolutions in one, two and three dimensions. Each one's gradients are convolutions again.</summary>
internal static class Convolution
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Conv", new(7, Conv) { Limits = "The kernel's size must be known." })
        {
            Takes = new(2, 3), InputNames = ["X", "W", "B"], Ranks = ["3+", "=", "1"], HasOneType = true, Check = ShapeChecks.Conv,
            Shapes = ShapeInference.Conv,
        },
        new("ConvTranspose", new(7, ConvTranspose) { Limits = "The kernel's size must be known." })
        {
            Takes = new(2, 3), InputNames = ["X", "W", "B"], Ranks = ["3+", "=", "1"], HasOneType = true, Check = ShapeChecks.ConvTranspose,
            Shapes = ShapeInference.ConvTranspose,
        },
    ];

    /// <summary>
    /// Up to so many channels of the result a transposed convolution is faster: the runtime's convolutions compute channels in
    /// blocks of 8 or 16, mostly in vain then.
    /// </summary>
    private const int FewChannels = 4;

    /// <summary>The adjoint of a convolution applied to <paramref name="dY"/>, in the shape of <paramref name="like"/>.</summary>
    /// <param name="dY">Gradient with respect to the convolution's output.</param>
    /// <param name="weights">The convolution's weights, (M, C/group, kernel).</param>
    /// <param name="window">The convolution's window.</param>
    /// <param name="group">Its groups.</param>
    /// <param name="like">Its input: only the sizes of the spatial axes matter.</param>
    public static Value Adjoint(Value dY, Value weights, Window window, long group, Value like)
    {
        if (window.Automatic.Length > 0)
            return FreePadding.Same(like, window).Within(dY.Builder.Node("ConvTranspose", [dY, weights], Common(window, group))[0], like);
        if (weights.Facts.Constant is { } known)
            return new AdjointConvolution(dY, known, window, group, like).Emit();
        if (weights.Facts.Sizes is { } sizes && ReversedPads(sizes, window, group) is { } pads)
            return Reversed(dY, Flipped(weights, sizes, group), pads, window, group);
        return Transposed(dY, weights, window, group, like);
    }

    /// <summary>The adjoint as a convolution with reversed weights; null where that is impossible or slower.</summary>
    public static Value? Reversed(Value dY, OnnxTensor weights, Window window, long group)
    {
        return ReversedPads(weights.Dimensions, window, group) is { } pads
            ? Reversed(dY, dY.Builder.Constant(Flipped(weights, group)), pads, window, group) : null;
    }

    private static Value Reversed(Value dY, Value reversed, long[] pads, Window window, long group) =>
        dY.Builder.Node("Conv", [dY, reversed], OnnxAttribute.Of("dilations", window.Dilations), OnnxAttribute.Of("group", group),
            OnnxAttribute.Of("kernel_shape", window.Kernel), OnnxAttribute.Of("pads", pads))[0];

    /// <summary>Padding of the convolution with reversed weights; null where that is impossible or slower.</summary>
    private static long[]? ReversedPads(IReadOnlyList<long> shape, Window window, long group)
    {
        if (window.Strides.Any(s => s != 1) || (shape[1] <= FewChannels && group == 1 && window.Kernel.Any(k => k != 1)))
            return null;
        long[] pads = [.. Enumerable.Range(0, window.Rank).Select(i => window.Extent(i) - 1 - window.Begin[i]),
            .. Enumerable.Range(0, window.Rank).Select(i => window.Extent(i) - 1 - window.End[i])];
        return Array.TrueForAll(pads, p => p >= 0) ? pads : null;
    }

    /// <summary>The adjoint as a transposed convolution, which needs no weights of its own.</summary>
    public static Value Transposed(Value dY, Value weights, Window window, long group, Value like)
    {
        var rank = window.Rank;
        var common = Common(window, group);
        // Striding forgets up to stride - 1 elements at the end of the input: the adjoint must put them back.
        var missing = Enumerable.Range(0, rank).Select(i => Missing(dY, window, like, i)).ToArray();
        if (Array.TrueForAll(missing, m => m >= 0) && !window.LeavesOut)
        {
            return dY.Builder.Node("ConvTranspose", [dY, weights], [.. common, OnnxAttribute.Of("pads", window.Begin.Concat(window.End)),
                .. missing.Any(m => m > 0) ? new[] { OnnxAttribute.Of("output_padding", missing.Select(m => m!.Value)) } : []])[0];
        }

        var extra = window.Strides.Select(s => s - 1).ToArray();
        var full = dY.Builder.Node("ConvTranspose", [dY, weights],
            [.. common, .. extra.Any(e => e > 0) ? new[] { OnnxAttribute.Of("output_padding", extra) } : []])[0];
        return Crop(full, window, like);
    }

    private static OnnxAttribute[] Common(Window window, long group) =>
        [OnnxAttribute.Of("dilations", window.Dilations), OnnxAttribute.Of("group", group),
            OnnxAttribute.Of("kernel_shape", window.Kernel), OnnxAttribute.Of("strides", window.Strides)];

    /// <summary>Gradient with respect to the weights of a convolution: a matrix product where its sizes are known and that is faster,
    /// else a convolution, for which the batch becomes the channels that are summed over.</summary>
    public static Value Weights(Value x, Value dY, Window window, long group, Value weights)
    {
        if (WeightProduct.Of(x, dY, window, group, weights) is { } product)
            return product;
        var rank = window.Rank;
        int[] spatial = [.. Enumerable.Range(2, rank)];
        var builder = x.Builder;
        if (window.Automatic.Length > 0)
            x = FreePadding.Same(x, window).Around(x);
        if (window.LeavesOut)
        {
            x = x.Pad([0, 0, .. window.Begin.Select(b => Math.Min(b, 0)), 0, 0, .. window.End.Select(e => Math.Min(e, 0))]);
            window = window with
            {
                Begin = [.. window.Begin.Select(b => Math.Max(b, 0))],
                End = [.. window.End.Select(e => Math.Max(e, 0))],
            };
        }

        var input = x.Transpose([1, 0, .. spatial]);
        if (group > 1)
        {
            var channels = weights.Size(1);
            Value[] sizes = [x.Size(0), builder.Integers(group), channels, .. spatial.Select(x.Size)];
            Value[] merged = [channels, builder.Integers(-1), .. spatial.Select(x.Size)];
            input = x.Reshape(Joined(builder, sizes)).Transpose([2, 1, 0, .. spatial.Select(d => d + 1)]).Reshape(Joined(builder, merged));
        }

        var result = builder.Node("Conv", [input, dY.Transpose([1, 0, .. spatial])], OnnxAttribute.Of("strides", window.Dilations),
            OnnxAttribute.Of("dilations", window.Strides), OnnxAttribute.Of("group", group),
            OnnxAttribute.Of("pads", window.Begin.Concat(window.End)))[0];
        // What striding left over at the end shows as further kernel elements.
        for (var i = 0; i < rank; i++)
            result = result.Slice(i + 2, 0, window.Kernel[i]);
        return result.Transpose([1, 0, .. spatial]).ReshapeLike(weights);
    }

    private static Value Joined(GraphBuilder builder, Value[] sizes) => builder.Node("Concat", sizes, OnnxAttribute.Of("axis", 0))[0];

    private static long? Missing(Value dY, Window window, Value like, int axis)
    {
        if (like.Shape?[axis + 2] is not { } size || dY.Shape?[axis + 2] is not { } steps)
            return window.Strides[axis] == 1 ? 0 : null;
        var reached = ((steps - 1) * window.Strides[axis]) + (window.Extent(axis) - window.Begin[axis] - window.End[axis]);
        return (size - reached).Size is { } missing && missing < Math.Max(window.Strides[axis], 1) ? missing : null;
    }

    /// <summary>Cuts the input's place out of the adjoint without padding.</summary>
    private static Value Crop(Value full, Window window, Value like)
    {
        var rank = window.Rank;
        var sizes = Enumerable.Range(0, rank).Select(i => like.Shape?[i + 2].Size is { } size && full.Shape?[i + 2].Size is { } whole
            ? (long?)(whole - window.Begin[i] - size) : null).ToArray();
        if (Array.TrueForAll(sizes, s => s is not null))
            return full.Pad([0, 0, .. window.Begin.Select(b => -b), 0, 0, .. sizes.Select(s => -s!.Value)]);
        var builder = full.Builder;
        // What is left out at the beginning is put back.
        if (window.LeavesOut)
            return new FreePadding(builder.Integers(window.Begin), builder.Integers(window.End)).Within(full, like);
        var starts = builder.Integers(window.Begin);
        var ends = Joined(builder, [.. Enumerable.Range(0, rank).Select(i => like.Size(i + 2))]) + starts;
        return builder.Op("Slice", full, starts, ends, builder.Integers([.. Enumerable.Range(2, rank).Select(a => (long)a)]));
    }

    /// <summary>Weights of the convolution that undoes one of stride 1: channels exchanged within groups, kernel reversed.</summary>
    private static OnnxTensor Flipped(OnnxTensor weights, long group)
    {
        var shape = weights.Dimensions;
        int[] spatial = [.. Enumerable.Range(3, shape.Count - 2)];
        var split = weights.WithShape([group, shape[0] / group, shape[1], .. shape.Skip(2)]);
        var exchanged =
            TensorTransforms.Transpose(split, [0, 2, 1, .. spatial]).WithShape([group * shape[1], shape[0] / group, .. shape.Skip(2)]);
        return TensorTransforms.Flip(exchanged, Enumerable.Range(2, shape.Count - 2));
    }

    /// <summary>The same of weights that change from run to run.</summary>
    private static Value Flipped(Value weights, long[] shape, long group)
    {
        int[] spatial = [.. Enumerable.Range(2, shape.Length - 2)];
        var exchanged = group == 1 ? weights.Transpose([1, 0, .. spatial])
            : weights.Reshape([group, shape[0] / group, shape[1], .. shape.Skip(2)]).Transpose([0, 2, 1, .. spatial.Select(d => d + 1)])
                .Reshape([group * shape[1], shape[0] / group, .. shape.Skip(2)]);
        int[] reversed = [.. spatial.Where(d => shape[d] > 1)];
        if (reversed.Length == 0)
            return exchanged;
        var builder = weights.Builder;
        return builder.Op("Slice", exchanged, builder.Integers([.. reversed.Select(_ => -1L)]),
            builder.Integers([.. reversed.Select(_ => (long)int.MinValue)]), builder.Integers([.. reversed.Select(d => (long)d)]),
            builder.Integers([.. reversed.Select(_ => -1L)]));
    }

    /// <summary>Weights with a factor for each channel that they take.</summary>
    private static OnnxTensor ScaledInputs(OnnxTensor weights, double[] factors)
    {
        int[] exchanged = [1, 0, .. Enumerable.Range(2, weights.Dimensions.Count - 2)];
        return TensorTransforms.Transpose(TensorTransforms.Scale(TensorTransforms.Transpose(weights, exchanged), factors), exchanged);
    }

    private static Func<Value>[] Conv(RuleContext n)
    {
        var (x, weights) = (n.X, n.Input(1));
        var window = Window.Read(n.Node, ShapeFor(n, x, weights), weights.Shape) ?? throw n.Refuse("the size of its kernel is not known.");
        var group = n.Node.GetInt("group", 1);
        return
        [
            () => Adjoint(n.dY, weights, window, group, x),
            () => Weights(x, n.dY, window, group, weights),
            () => BiasGradient(n, window),
        ];
    }

    /// <summary>With respect to X a convolution with the same window, composed with the one before it where that pays;
    /// with respect to W as for a convolution from dY to X.</summary>
    private static Func<Value>[] ConvTranspose(RuleContext n)
    {
        var (x, weights) = (n.X, n.Input(1));
        var window = Window.Read(n.Node, ShapeFor(n, x, weights), weights.Shape) ?? throw n.Refuse("the size of its kernel is not known.");
        (window, var padding) = Resolved(n, window);
        var group = n.Node.GetInt("group", 1);
        Value Padded() => padding?.Around(n.dY) ?? n.dY;
        return
        [
            () =>
            {
                if (n.Builder.Notes<AdjointConvolution>().TryGetValue(n.dY.Name, out var first)
                    && ComposedConvolution.Of(n, first) is { Pays: true } composed)
                    return composed.Emit();
                var (dY, kernel) = (Padded(), weights);
                if (weights.Facts.Constant is { } known && group == 1
                    && ChannelFactor.Of(dY, known.Dimensions[1], known.ElementType) is { } product)
                    (dY, kernel) = (product.Value, n.Builder.Constant(ScaledInputs(known, product.Factors)));
                var result = n.Builder.Node(
                    "Conv", [dY, kernel], [.. Common(window, group), OnnxAttribute.Of("pads", window.Begin.Concat(window.End))])[0];
                // Output padding of a stride or more, or a wanted size beyond the kernel's reach,
                // lets the window reach further than the input did.
                for (var i = 0; i < window.Rank; i++)
                {
                    if (Padding(n, i) >= window.Strides[i]
                        || (n.Node.Attributes.ContainsKey("output_shape") && result.Shape?[i + 2].Equals(x.Shape?[i + 2]) != true))
                        result = n.Builder.Op("Slice", result, n.Builder.Integers(0), x.Size(i + 2), n.Builder.Integers(i + 2));
                }

                return result;
            },
            () => Weights(Padded(), x, window, group, weights),
            () => BiasGradient(n, window),
        ];
    }

    private static Value BiasGradient(RuleContext n, Window window) =>
        n.dY.Sum([0, .. Enumerable.Range(2, window.Rank).Select(a => (long)a)], keep: false);

    private static Dim[] ShapeFor(RuleContext n, Value x, Value weights) =>
        x.Shape ?? weights.Shape?.Select((_, i) => n.Shapes.Unknown(i)).ToArray()
            ?? throw n.Refuse("neither the rank of its input nor that of its weights is known.");

    private static long Padding(RuleContext n, int axis) => n.Node.GetInts("output_padding")?.ElementAtOrDefault(axis) ?? 0;

    /// <summary>Padding that follows from a wanted output size: in the window where the sizes are known, else by itself.</summary>
    private static (Window Window, FreePadding? Padding) Resolved(RuleContext n, Window window)
    {
        var wanted = n.Node.GetInts("output_shape")?.TakeLast(window.Rank).ToArray();
        if (wanted is null)
            return (window, null);
        var isUpper = n.Node.GetString("auto_pad", "NOTSET") == "SAME_UPPER";
        var sizes = Enumerable.Range(0, window.Rank).Select(i => n.X.Shape?[i + 2].Size).ToArray();
        if (sizes.Contains(null))
        {
            var none = new long[window.Rank];
            var extra = n.Builder.Integers([.. Enumerable.Range(0, window.Rank).Select(i => Padding(n, i) - wanted[i])]);
            var free = FreePadding.Reached(FreePadding.Spatial(n.X), window) + extra;
            return (window with { Begin = none, End = none, Automatic = "" },
                FreePadding.Of(n.Builder.Op("Max", free, free.Like(0)), isUpper));
        }

        // Where the output is larger than the kernel reaches, the runtime leaves the rest empty at the end.
        long Total(int i) => Math.Max(0, ((sizes[i]!.Value - 1) * window.Strides[i]) + Padding(n, i) + window.Extent(i) - wanted[i]);
        return (window.Split([.. Enumerable.Range(0, window.Rank).Select(Total)], isUpper), null);
    }
}
