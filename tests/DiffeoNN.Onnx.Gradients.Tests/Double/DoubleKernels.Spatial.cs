namespace DiffeoNN.Onnx.Gradients.Tests;

/// <content>Convolutions, pooling and resizing, for fixed sizes: sums over the kernel's elements,
/// each a shifted copy of the input.</content>
internal static partial class DoubleKernels
{
    /// <summary>Shifted copies are multiplied together up to this size.</summary>
    private const long ChunkBytes = 1 << 26;

    private const long GatherBytes = 1 << 28;

    /// <summary>Kernels with more elements are applied by gathering, so that graphs stay small.</summary>
    private const int ManyElements = 64;

    private static Window WindowOf(RuleContext n, Value? weights) =>
        Window.Read(n.Node, n.X.Shape!, weights?.Shape) is { Automatic: "" } window ? window
            : throw new OnnxModelException($"{n.Node} has a window that depends on free sizes.");

    private static long[] Sizes(Value x) => x.Facts.Sizes ?? throw new OnnxModelException($"The sizes of '{x.Name}' are not known.");

    private static Value[] Conv(RuleContext n)
    {
        var window = WindowOf(n, n.Input(1));
        return [WithBias(n, Convolved(n.X, n.Input(1), window, n.Node.GetInt("group", 1)))];
    }

    private static Value WithBias(RuleContext n, Value y) => n.Has(2) ? y + PerChannel(n.Input(2), n.X.Rank) : y;

    /// <summary>The sum over the kernel's elements of (weights of that element) x (input shifted to it), some elements at once.</summary>
    private static Value Convolved(Value x, Value weights, Window window, long group)
    {
        long[] padding = [0, 0, .. window.Begin, 0, 0, .. window.End];
        var (shape, kernel) = (Sizes(x), Sizes(weights));
        var steps = Enumerable.Range(0, window.Rank).Select(i =>
            ((shape[i + 2] + window.Begin[i] + window.End[i] - window.Extent(i)) / window.Strides[i]) + 1).ToArray();
        var (perGroup, results, elements) = (kernel[1], kernel[0] / group, (int)window.Kernel.Aggregate(1L, (a, b) => a * b));
        var padded = x.Pad(padding);
        if (elements > ManyElements && GatherBytes / 8 > shape[0] * kernel[1] * group * elements * steps.Aggregate(1L, (a, b) => a * b))
        {
            var gathered = padded.Reshape([shape[0], group, perGroup, -1]).Gather(
                padded.Builder.Constant(OnnxTensor.Int64s("", Places(Sizes(padded), window, steps))), 3);
            return x.Builder.Op("MatMul", Reshaped(weights, [group, results, perGroup * elements]),
                gathered.Reshape([shape[0], group, perGroup * elements, -1]))
                .Reshape([shape[0], kernel[0], .. steps]);
        }

        var shifted = Positions(window.Kernel).Select(p =>
            Strided(padded, [.. p.Select((k, i) => k * window.Dilations[i])], steps,
                window.Strides).Reshape([shape[0], group, perGroup, -1])).ToList();
        // (group, results, element, channel), as the shifted copies come.
        var flat = Reshaped(weights, [group, results, perGroup, elements]).Transpose(0, 1, 3, 2);
        var chunk = perGroup == 1 && results == 1
            ? 1
            : (int)Math.Clamp(ChunkBytes / (8 * shape[0] * kernel[1] * group * steps.Aggregate(1L, (a, b) => a * b)), 1, elements);
        Value? sum = null;
        for (var start = 0; start < elements; start += chunk)
        {
            var end = Math.Min(start + chunk, elements);
            var some = Reshaped(end - start == elements ? flat : Sliced(flat, start, end), [group, results, (end - start) * perGroup]);
            var columns = end - start == 1
                ? shifted[start]
                : x.Builder.Node("Concat", [.. shifted[start..end]], OnnxAttribute.Of("axis", 2))[0];
            var part = perGroup == 1 && results == 1 ? columns * some : x.Builder.Op("MatMul", some, columns);
            sum = sum is null ? part : sum + part;
        }

        return sum!.Reshape([shape[0], kernel[0], .. steps]);
    }

    private static Value Sliced(Value weights, int start, int end) => weights.Facts.Constant is { } known
        ? weights.Builder.Constant(TensorTransforms.Slice(known, 2, start, end)) : weights.Slice(2, start, end);

    /// <summary>For every element of the kernel and every step, the place in the flat image.</summary>
    private static long[] Places(long[] padded, Window window, long[] steps)
    {
        long Flat(long[] kernel, long[] step) => Enumerable.Range(0, window.Rank)
            .Aggregate(0L, (place, i) => (place * padded[i + 2]) + (kernel[i] * window.Dilations[i]) + (step[i] * window.Strides[i]));
        var all = Positions(steps).ToList();
        return [.. Positions(window.Kernel).SelectMany(k => all.Select(s => Flat(k, s)))];
    }

    /// <summary>Constants are reshaped at once.</summary>
    private static Value Reshaped(Value weights, long[] shape) =>
        weights.Facts.Constant is { } known ? weights.Builder.Constant(known.WithShape(shape)) : weights.Reshape(shape);

    /// <summary>All positions in a box, the last axis fastest.</summary>
    private static IEnumerable<long[]> Positions(long[] sizes) => sizes.Aggregate((IEnumerable<long[]>)[[]],
        (before, size) => before.SelectMany(p => Enumerable.Range(0, (int)size).Select(i => (long[])[.. p, i])));

    /// <summary>Every stride-th element of the spatial axes.</summary>
    private static Value Strided(Value x, long[] starts, long[] counts, long[] strides)
    {
        var (b, shape) = (x.Builder, Sizes(x));
        if (starts.Select((s, i) => s == 0 && counts[i] == shape[i + 2] && strides[i] == 1).All(whole => whole))
            return x;
        var ends = starts.Select((s, i) => s + ((counts[i] - 1) * strides[i]) + 1).ToArray();
        return b.Op("Slice", x, b.Integers(starts), b.Integers(ends), b.Integers(Spatial(x)), b.Integers(strides));
    }

    /// <summary>A convolution of stride 1 with reversed weights over the input with strides - 1 zeros between its elements.</summary>
    private static Value[] ConvTranspose(RuleContext n)
    {
        var (weights, group) = (n.Input(1), n.Node.GetInt("group", 1));
        var window = Window.Read(n.Node, n.X.Shape!, weights.Shape)!;
        var (shape, kernel, output) = (Sizes(n.X), Sizes(weights), Sizes(n.Y));
        var begin = BeginOf(n, window, output);
        if (window.Kernel.Aggregate((a, b) => a * b) > ManyElements)
            return [WithBias(n, Scattered(n.X, weights, window, group, begin, output))];
        var spread = n.X;
        if (window.Strides.Any(s => s > 1))
        {
            // (N, C, H, W) to (N, C, H, 1, W, 1), padded behind each element, and the axes joined again.
            long[] behind = [0, 0, .. window.Strides.SelectMany(s => new[] { 0, s - 1 })];
            spread = n.X.Reshape([shape[0], shape[1], .. shape.Skip(2).SelectMany(s => new[] { s, 1 })])
                .Pad([.. new long[behind.Length], .. behind])
                .Reshape([shape[0], shape[1], .. shape.Skip(2).Select((s, i) => s * window.Strides[i])]);
            spread = Strided(spread, new long[window.Rank], [.. window.Strides.Select((s, i) => ((shape[i + 2] - 1) * s) + 1)],
                [.. window.Strides.Select(_ => 1L)]);
        }

        var exchanged = Reshaped(weights, [group, kernel[0] / group, kernel[1], .. window.Kernel])
            .Transpose([0, 2, 1, .. Enumerable.Range(3, window.Rank)]);
        exchanged = Flipped(Reshaped(exchanged, [kernel[1] * group, kernel[0] / group, .. window.Kernel]));
        // What the output size asks for beyond the kernel's reach stays zero.
        var end = output.Skip(2).Select((size, i) => size - Sizes(spread)[i + 2] - (window.Extent(i) - 1 - begin[i]) + window.Extent(i) - 1)
            .ToArray();
        var adjoint = window with
            { Strides = [.. window.Strides.Select(_ => 1L)], Begin = [.. begin.Select((p, i) => window.Extent(i) - 1 - p)], End = end };
        return [WithBias(n, Convolved(spread, exchanged, adjoint, group))];
    }

    /// <summary>Weights times input, added up where each product belongs.</summary>
    private static Value Scattered(Value x, Value weights, Window window, long group, long[] begin, long[] output)
    {
        var (b, shape, kernel) = (x.Builder, Sizes(x), Sizes(weights));
        long[] full = [shape[0], output[1], .. Enumerable.Range(0, window.Rank).Select(i =>
            Math.Max(((shape[i + 2] - 1) * window.Strides[i]) + window.Extent(i), begin[i] + output[i + 2]))];
        var rows = Reshaped(weights, [group, kernel[0] / group, kernel.Skip(1).Aggregate((a, c) => a * c)]).Transpose(0, 2, 1);
        var products = b.Op("MatMul", rows, x.Reshape([shape[0], group, kernel[0] / group, -1])).Reshape([shape[0], output[1], -1]);
        var places = OnnxTensor.Int64s("", Places(full, window, shape[2..])).WithShape(1, 1, Sizes(products)[2]);
        var zeros = b.Op("Expand", x.Like(0), b.Integers(shape[0], output[1], full.Skip(2).Aggregate((a, c) => a * c)));
        var sum = b.Node("ScatterElements", [zeros, b.Op("Expand", b.Constant(places), b.Integers(Sizes(products))), products],
            OnnxAttribute.Of("axis", 2), OnnxAttribute.Of("reduction", "add"))[0].Reshape(full);
        return Strided(sum, begin, output[2..], [.. begin.Select(_ => 1L)]);
    }

    /// <summary>The kernel in reverse order along its spatial axes.</summary>
    private static Value Flipped(Value weights)
    {
        if (weights.Facts.Constant is { } known)
            return weights.Builder.Constant(TensorTransforms.Flip(known, Enumerable.Range(2, known.Dimensions.Count - 2)));
        var sizes = Sizes(weights);
        return Spatial(weights).Aggregate(weights, (w, axis) =>
            w.Gather(w.Builder.Integers([.. Enumerable.Range(1, (int)sizes[axis]).Select(i => sizes[axis] - i)]), (int)axis));
    }

    private static long[] BeginOf(RuleContext n, Window window, long[] output)
    {
        var automatic = n.Node.GetString("auto_pad", "NOTSET");
        if (n.Node.GetInts("output_shape") is null && automatic is "NOTSET" or "VALID")
            return window.Begin;
        var added = n.Node.GetInts("output_padding");
        return [.. Enumerable.Range(0, window.Rank).Select(i =>
        {
            var total = Math.Max(0, ((Sizes(n.X)[i + 2] - 1) * window.Strides[i]) + (added?[i] ?? 0) + window.Extent(i) - output[i + 2]);
            return automatic == "SAME_UPPER" ? total / 2 : total - (total / 2);
        })];
    }

    private static Value[] AveragePool(RuleContext n)
    {
        var window = WindowOf(n, null);
        var (shape, output) = (Sizes(n.X), Sizes(n.Y));
        // With ceil_mode the last window may reach beyond the padding.
        var reach = output.Skip(2).Select((size, i) => ((size - 1) * window.Strides[i]) + window.Extent(i) - shape[i + 2] - window.Begin[i])
            .ToArray();
        var padded = n.X.Pad([0, 0, .. window.Begin, 0, 0, .. window.End.Zip(reach, Math.Max)]);
        var sum = Positions(window.Kernel)
            .Select(p => Strided(padded, [.. p.Select((k, i) => k * window.Dilations[i])], output[2..], window.Strides))
            .Aggregate((a, b) => a + b);
        var counted = n.Node.GetInt("count_include_pad", 0) != 0;
        var counts = Positions(output[2..]).Select(
            o => Enumerable.Range(0, window.Rank).Aggregate(1.0, (product, i) => product * Enumerable.Range(0, (int)window.Kernel[i])
                .Select(k => (o[i] * window.Strides[i]) - window.Begin[i] + (k * window.Dilations[i]))
                .Count(p => counted ? p < shape[i + 2] + window.End[i] : p >= 0 && p < shape[i + 2]))).ToArray();
        return [sum / n.Builder.Constant(OnnxTensor.FromDoubles("", OnnxElementType.Double, output[2..], counts))];
    }

    private static Value[] MaxUnpool(RuleContext n)
    {
        var zeros = n.Builder.Op("Expand", n.X.Like(0), n.Builder.Integers(Sizes(n.Y).Aggregate(1L, (a, b) => a * b)));
        return [n.Builder.Node("ScatterElements", [zeros, n.Input(1).Flat(), n.X.Flat()], OnnxAttribute.Of("axis", 0))[0]
            .Reshape(Sizes(n.Y))];
    }

    /// <summary>A matrix product along every axis that changes; its matrix is what the float32 kernel makes of the identity.</summary>
    private static Value[] Resize(RuleContext n)
    {
        var shape = Sizes(n.X);
        if (n.Node.GetString("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
            || n.Node.GetString("keep_aspect_ratio_policy", "stretch") != "stretch")
            throw new OnnxModelException($"{n.Node} has no replacement in this mode.");
        var axes = n.Node.GetInts("axes")?.Select(a => n.Axis(a, shape.Length)).ToArray() ?? [.. Enumerable.Range(0, shape.Length)];
        var output = (long[])shape.Clone();
        var (sizes, scales) = (n.Has(3) ? n.Input(3).Facts.Integers : null, n.Has(2) ? n.Input(2).Facts.Constant?.ToDoubleArray() : null);
        if (sizes is null && scales is null)
            throw new OnnxModelException($"{n.Node} has no replacement where its sizes are computed.");
        for (var i = 0; i < axes.Length; i++)
            output[axes[i]] = sizes?[i] ?? (long)Math.Floor((float)shape[axes[i]] * (float)scales![i]);
        var result = n.X;
        foreach (var (axis, place) in axes.Select((a, i) => (a, i)).Where(a => shape[a.a] != output[a.a]))
        {
            var matrix = Interpolation(n, shape[axis], output[axis], place);
            var order = Enumerable.Range(0, shape.Length).ToArray();
            (order[axis], order[^1]) = (order[^1], order[axis]);
            result = n.Builder.Op("MatMul", result.Transpose(order), matrix).Transpose(order);
        }

        return [result];
    }

    /// <summary>Rows of the identity resized as the node does it: (input size, output size).</summary>
    private static Value Interpolation(RuleContext n, long before, long after, int place)
    {
        var b = n.Builder;
        var identity = new float[before * before];
        for (var i = 0L; i < before; i++)
            identity[i * (before + 1)] = 1;
        var rows = b.Constant(OnnxTensor.Create<float>("", [1, 1, before, before], identity));
        Value? scales = null, sizes = null;
        if (n.Has(3))
            sizes = b.Integers(1, 1, before, after);
        else
            scales = b.Constant(OnnxTensor.Create<float>("", [4], [1, 1, 1, (float)n.Input(2).Facts.Constant!.ToDoubleArray()[place]]));
        var resized = b.Node("Resize", [rows, null, scales, sizes], 1, [.. n.Node.Attributes.Values.Where(a => a.Name != "axes")])[0];
        return resized.Reshape(before, after).Cast(OnnxElementType.Double);
    }
}
