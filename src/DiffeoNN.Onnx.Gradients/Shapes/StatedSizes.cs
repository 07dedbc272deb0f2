namespace DiffeoNN.Onnx.Gradients;

/// <summary>
/// Pools and transposed convolutions of which ONNX Runtime states other output sizes when it loads a graph than its kernels make when it
/// runs one. Such a graph does not load beside gradients of the right sizes, and may not run since buffers are planned for the wrong ones:
/// these nodes are written so that both agree.
/// </summary>
internal static class StatedSizes
{
    /// <summary>First version of the operator set for which a last window that starts in the padding is left out of stated sizes.</summary>
    private const int WithoutEmptyWindows = 22;

    /// <summary>The node itself where nothing is to be changed, otherwise what computes the same.</summary>
    public static IReadOnlyList<OnnxNode> Agreeing(OnnxNode node, GraphBuilder builder)
    {
        if (node.Domain.Length > 0 || node.OpType is not ("MaxPool" or "AveragePool" or "LpPool" or "ConvTranspose"))
            return [node];
        if (builder.Lookup(node.Input(0)).Shape is not { Length: >= 3 } input
            || Window.Read(node, input, builder.Lookup(node.Input(1)).Shape) is not { } window)
            return [node];
        return node.OpType == "ConvTranspose" ? Transposed(node, window, input, builder) : Pool(node, window, input, builder);
    }

    /// <summary>Whether the runtime states another output size for a pool than it makes.</summary>
    /// <param name="node">The pool.</param>
    /// <param name="window">Its window.</param>
    /// <param name="input">Shape of its input.</param>
    /// <param name="opset">Version of the operator set.</param>
    public static bool AreWrong(OnnxNode node, Window window, Dim[] input, int opset)
    {
        bool Differs(int i) => input[i + 2].Size is { } size && window.OutputSize(i, size).Size is >= 0 and var made
            && Stated(node, window, i, size, opset) != made;
        return Enumerable.Range(0, window.Rank).Any(Differs);
    }

    private static IReadOnlyList<OnnxNode> Pool(OnnxNode node, Window window, Dim[] input, GraphBuilder builder)
    {
        var output = Enumerable.Range(0, window.Rank).Select(i => window.OutputSize(i, input[i + 2]).Size).ToArray();
        var areWrong = AreWrong(node, window, input, builder.Opset);
        if (areWrong && output.Contains(0))
            return Reshaped(node, output, builder);
        if (node.OpType == "AveragePool" && input.Skip(2).All(d => d.IsConstant)
            && (areWrong ? window.LeavesOut : Shortens(window, input, output)))
            return Cropped(node, window, input, builder);
        if (!areWrong)
            return [node];
        if (Explicit(node, window, input, output) is { } pool)
            return [pool];
        return node.OpType == "LpPool" && window.Automatic.Length == 0 ? Reached(node, window, input, output, builder)
            : Reshaped(node, output, builder);
    }

    /// <summary>Whether a window reaches into what is left out at an end: averages, unlike norms, are of what lies before it.</summary>
    private static bool Shortens(Window window, Dim[] input, long?[] output) => !output.Contains(0)
        && Enumerable.Range(0, window.Rank).Any(
            i => window.End[i] < 0 && output[i] is { } steps && window.ReachesOut(i, input[i + 2], steps));

    /// <summary>Cuts off what the windows leave out, so that the pool itself leaves out nothing.</summary>
    private static IReadOnlyList<OnnxNode> Cropped(OnnxNode node, Window window, Dim[] input, GraphBuilder builder)
    {
        long[] begin = [.. window.Begin.Select(b => Math.Min(b, 0))];
        long[] end = [.. window.End.Select(e => Math.Min(e, 0))];
        Dim[] rest = [.. input.Take(2), .. input.Skip(2).Select((size, i) => size + (begin[i] + end[i]))];
        var (pad, pool) = Behind(node, begin, end, window.Begin.Concat(window.End).Select(p => Math.Max(p, 0)), builder);
        return [pad, .. Pool(pool, Window.Read(pool, rest, null)!, rest, builder)];
    }

    /// <summary>
    /// Pads or cuts each axis of known size so that it ends where the last window does. The runtime's power pools take in all that lies
    /// within their windows, also what negative padding leaves out, and zeros change no norm.
    /// </summary>
    private static IReadOnlyList<OnnxNode> Reached(OnnxNode node, Window window, Dim[] input, long?[] output, GraphBuilder builder)
    {
        var (begin, end) = (new long[window.Rank], new long[window.Rank]);
        var (keptBegin, keptEnd) = ((long[])window.Begin.Clone(), (long[])window.End.Clone());
        for (var i = 0; i < window.Rank; i++)
        {
            if (input[i + 2].Size is not { } size || output[i] is not { } steps)
                continue;
            begin[i] = window.Begin[i];
            end[i] = ((steps - 1) * window.Strides[i]) + window.Extent(i) - size - begin[i];
            keptBegin[i] = keptEnd[i] = 0;
        }

        var (pad, pool) = Behind(node, begin, end, keptBegin.Concat(keptEnd), builder);
        return [pad, pool];
    }

    /// <summary>A pool with other padding behind a node that pads or cuts its input.</summary>
    private static (OnnxNode Pad, OnnxNode Pool) Behind(
        OnnxNode node, long[] begin, long[] end, IEnumerable<long> pads, GraphBuilder builder)
    {
        var name = builder.Fresh($"{node.Input(0)}_cut");
        var pad = new OnnxNode("Pad", [node.Input(0), builder.Integers([0, 0, .. begin, 0, 0, .. end]).Name], [name]) { Name = name };
        var pool = node.Copy().With(OnnxAttribute.Of("pads", pads));
        pool.Attributes.Remove("auto_pad");
        pool.Inputs[0] = name;
        return (pad, pool);
    }

    /// <summary>What the runtime states for an axis of a pool.</summary>
    private static long Stated(OnnxNode node, Window window, int axis, long size, int opset)
    {
        var (stride, begin, padding) = (window.Strides[axis], window.Begin[axis], window.Begin[axis] + window.End[axis]);
        if (node.GetString("auto_pad", "NOTSET").StartsWith("SAME", StringComparison.Ordinal))
            padding = Math.Max(0, window.Extent(axis) - (size % stride == 0 ? stride : size % stride));
        var free = size + padding - window.Extent(axis);
        if (!window.Ceiling)
            return (free / stride) + 1;
        var steps = Dim.FloorDivide(free + stride - 1, stride).Constant + 1;
        return opset >= WithoutEmptyWindows && (steps - 1) * stride >= size + begin ? steps - 1 : steps;
    }

    /// <summary>
    /// The same windows with as much padding at the end as they reach, which needs no rounding up; null where the runtime would refuse it
    /// or average otherwise.
    /// </summary>
    private static OnnxNode? Explicit(OnnxNode node, Window window, Dim[] input, long?[] output)
    {
        var ends = new long[window.Rank];
        for (var i = 0; i < window.Rank; i++)
        {
            if (input[i + 2].Size is not { } size || output[i] is not { } steps)
                return null;
            var (begin, extent, stride) = (window.Begin[i], window.Extent(i), window.Strides[i]);
            ends[i] = Math.Max(0, ((steps - 1) * stride) + extent - size - begin);
            if (begin < 0 || ends[i] >= window.Kernel[i] || (ends[i] > window.End[i] && node.GetInt("count_include_pad", 0) != 0)
                || ((size + begin + ends[i] - extent) / stride) + 1 != steps)
                return null;
        }

        return Padded(node, window.Begin, ends);
    }

    private static IReadOnlyList<OnnxNode> Transposed(OnnxNode node, Window window, Dim[] input, GraphBuilder builder)
    {
        var automatic = node.GetString("auto_pad", "NOTSET");
        var padding = node.GetInts("output_padding") ?? new long[window.Rank];
        if (node.GetInts("output_shape")?.TakeLast(window.Rank).ToArray() is not { } wanted)
        {
            var isCut = automatic.StartsWith("SAME", StringComparison.Ordinal) && padding.Any(p => p > 0);
            return [isCut ? Padded(node, window.Begin, window.End) : node];
        }

        // Of an output that is smaller than the input the runtime states not even the rank.
        var sizes = Enumerable.Range(0, window.Rank).Select(i => input[i + 2].Size).ToArray();
        if (!wanted.Where((w, i) => w < sizes[i]).Any())
            return [node];
        long?[] totals =
        [
            .. sizes.Select((size, i) => ((size - 1) * window.Strides[i]) + window.Extent(i) + padding.ElementAtOrDefault(i) - wanted[i]),
        ];
        if (!Array.TrueForAll(totals, t => t >= 0))
            return Reshaped(node, [.. wanted.Select(w => (long?)w)], builder);
        var cut = window.Split([.. totals.Select(t => t!.Value)], automatic == "SAME_UPPER");
        return [Padded(node, cut.Begin, cut.End)];
    }

    private static OnnxNode Padded(OnnxNode node, IEnumerable<long> begin, IEnumerable<long> end)
    {
        var result = node.Copy().With(OnnxAttribute.Of("pads", begin.Concat(end)));
        foreach (var name in new[] { "auto_pad", "ceil_mode", "output_shape" })
            result.Attributes.Remove(name);
        return result;
    }

    /// <summary>Says the right sizes behind the node; those that are not known stay what they are.</summary>
    private static IReadOnlyList<OnnxNode> Reshaped(OnnxNode node, long?[] output, GraphBuilder builder)
    {
        var sizes = builder.Integers([0, 0, .. output.Select(size => size ?? 0)]);
        long[] empty = [.. Enumerable.Range(0, output.Length).Where(i => output[i] == 0).Select(i => i + 2L)];
        var stated = node.Copy();
        var result = new List<OnnxNode> { stated };
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            if (node.Outputs[i].Length == 0)
                continue;
            var name = stated.Outputs[i] = builder.Fresh($"{node.Outputs[i]}_stated");
            if (empty.Length > 0)
            {
                // Reshape takes 0 for the size that there is.
                var none = builder.Integers(new long[empty.Length]).Name;
                var cut = builder.Fresh($"{node.Outputs[i]}_empty");
                result.Add(new OnnxNode("Slice", [name, none, none, builder.Integers(empty).Name], [cut]) { Name = cut });
                name = cut;
            }

            result.Add(new OnnxNode("Reshape", [name, sizes.Name], [node.Outputs[i]]) { Name = node.Outputs[i] });
        }

        return result;
    }
}
