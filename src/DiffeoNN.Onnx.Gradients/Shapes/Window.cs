namespace DiffeoNN.Onnx.Gradients;

/// <summary>The window of a convolution or pooling: kernel, strides, dilations and padding of each spatial axis.</summary>
/// <param name="Kernel">Sizes of the kernel.</param>
/// <param name="Strides">Steps of the window.</param>
/// <param name="Dilations">Distances of the kernel's elements.</param>
/// <param name="Begin">Padding before the first element.</param>
/// <param name="End">Padding after the last element.</param>
/// <param name="Automatic">The value of auto_pad where padding depends on sizes that are not known; empty where it is resolved.</param>
/// <param name="Ceiling">Whether output sizes are rounded up.</param>
internal sealed record Window(long[] Kernel, long[] Strides, long[] Dilations, long[] Begin, long[] End, string Automatic, bool Ceiling)
{
    /// <summary>Number of spatial axes.</summary>
    public int Rank => Kernel.Length;

    /// <summary>Reads the window of a node.</summary>
    /// <param name="node">A convolution or pooling.</param>
    /// <param name="input">Shape of its first input.</param>
    /// <param name="weights">Shape of its kernel; null for pooling.</param>
    /// <returns>The window; null where the kernel's size is not known.</returns>
    /// <exception cref="OnnxModelException">The attributes contradict the rank.</exception>
    public static Window? Read(OnnxNode node, Dim[] input, Dim[]? weights)
    {
        var rank = input.Length - 2;
        var kernel = node.GetInts("kernel_shape")?.ToArray()
            ?? (weights is not null && weights.Length == input.Length && weights.Skip(2).All(d => d.IsConstant) ? [.. weights.Skip(2).Select(d => d.Constant)] : null);
        if (kernel is null)
            return null;
        var strides = node.GetInts("strides")?.ToArray() ?? [.. Enumerable.Repeat(1L, rank)];
        var dilations = node.GetInts("dilations")?.ToArray() ?? [.. Enumerable.Repeat(1L, rank)];
        var pads = node.GetInts("pads")?.ToArray() ?? new long[2 * rank];
        if (kernel.Length != rank || strides.Length != rank || dilations.Length != rank || pads.Length != 2 * rank || strides.Any(s => s < 1) || dilations.Any(d => d < 1))
            throw new OnnxModelException($"{node} has kernel_shape, strides, dilations or pads that do not fit its input of rank {input.Length}.");
        var window = new Window(kernel, strides, dilations, pads[..rank], pads[rank..], "", node.GetInt("ceil_mode", 0) != 0);
        return node.GetString("auto_pad", "NOTSET") switch
        {
            "SAME_UPPER" => window.Same(input, true, node.OpType == "ConvTranspose"),
            "SAME_LOWER" => window.Same(input, false, node.OpType == "ConvTranspose"),
            "VALID" => window with { Begin = new long[rank], End = new long[rank] },
            _ => window,
        };
    }

    /// <summary>Elements that a dilated kernel spans.</summary>
    public long Extent(int axis) => ((Kernel[axis] - 1) * Dilations[axis]) + 1;

    /// <summary>Output size of a convolution or pooling.</summary>
    public Dim OutputSize(int axis, Dim input)
    {
        if (Automatic.Length > 0)
            return Dim.FloorDivide(input + (Strides[axis] - 1), Strides[axis]);
        var free = input + (Begin[axis] + End[axis] - Extent(axis));
        if (!Ceiling)
            return Dim.FloorDivide(free, Strides[axis]) + 1;
        var size = Dim.FloorDivide(free + (Strides[axis] - 1), Strides[axis]) + 1;
        // The last window must start inside the input or its padding at the beginning.
        return size.IsConstant && input.IsConstant && (size.Constant - 1) * Strides[axis] >= input.Constant + Begin[axis] ? size - 1 : size;
    }

    private Window Same(Dim[] input, bool upper, bool transposed)
    {
        var (begin, end) = (new long[Rank], new long[Rank]);
        for (var i = 0; i < Rank; i++)
        {
            var size = input[i + 2].Size;
            if (size is null && Strides[i] != 1 && !transposed)
                return this with { Automatic = upper ? "SAME_UPPER" : "SAME_LOWER" };
            var total = transposed || size is null || Strides[i] == 1 ? Math.Max(0, Extent(i) - Strides[i])
                : Math.Max(0, ((((size.Value + Strides[i] - 1) / Strides[i]) - 1) * Strides[i]) + Extent(i) - size.Value);
            begin[i] = upper ? total / 2 : total - (total / 2);
            end[i] = total - begin[i];
        }

        return this with { Begin = begin, End = end, Automatic = transposed && Strides.Where((s, i) => Extent(i) < s).Any() ? (upper ? "SAME_UPPER" : "SAME_LOWER") : "" };
    }
}
