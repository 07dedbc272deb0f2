namespace DiffeoNN.Onnx.Gradients;

/// <summary>The window of a convolution or pooling: kernel, strides, dilations and padding of each spatial axis.</summary>
/// <param name="Kernel">Sizes of the kernel.</param>
/// <param name="Strides">Steps of the window.</param>
/// <param name="Dilations">Distances of the kernel's elements.</param>
/// <param name="Begin">Padding before the first element.</param>
/// <param name="End">Padding after the last element.</param>
/// <param name="Automatic">The value of auto_pad where padding depends on sizes that are not known; empty where it is resolved.</param>
/// <param name="Ceiling">Whether output sizes are rounded up.</param>
/// <param name="IsPool">Whether it is a pool's, whose sizes the runtime computes by rules of their own.</param>
internal sealed record Window(
    long[] Kernel, long[] Strides, long[] Dilations, long[] Begin, long[] End, string Automatic, bool Ceiling, bool IsPool)
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
            ?? (weights is not null && weights.Length == input.Length && weights.Skip(2).All(d => d.IsConstant)
                ? [.. weights.Skip(2).Select(d => d.Constant)]
                : null);
        if (kernel is null)
            return null;
        var strides = node.GetInts("strides")?.ToArray() ?? [.. Enumerable.Repeat(1L, rank)];
        var dilations = node.GetInts("dilations")?.ToArray() ?? [.. Enumerable.Repeat(1L, rank)];
        var pads = node.GetInts("pads")?.ToArray() ?? new long[2 * rank];
        if (kernel.Length != rank || strides.Length != rank || dilations.Length != rank || pads.Length != 2 * rank
            || strides.Any(s => s < 1) || dilations.Any(d => d < 1))
            throw new OnnxModelException(
                $"{node} has kernel_shape, strides, dilations or pads that do not fit its input of rank {input.Length}.");
        var isPool = node.OpType is "MaxPool" or "AveragePool" or "LpPool";
        var window = new Window(kernel, strides, dilations, pads[..rank], pads[rank..], "", node.GetInt("ceil_mode", 0) != 0, isPool);
        var automatic = node.GetString("auto_pad", "NOTSET");
        return automatic switch
        {
            "SAME_UPPER" or "SAME_LOWER" when node.OpType == "ConvTranspose" => window.Cut(automatic, node.GetInts("output_padding")),
            "SAME_UPPER" or "SAME_LOWER" => window.Same(input, automatic),
            "VALID" => window with { Begin = new long[rank], End = new long[rank] },
            _ => window,
        };
    }

    /// <summary>Splits padding over both ends of each axis.</summary>
    /// <param name="totals">Its sums; negative where windows leave out elements at the ends.</param>
    /// <param name="upper">Whether the end gets the odd element.</param>
    public Window Split(IReadOnlyList<long> totals, bool upper)
    {
        long[] begin = [.. totals.Select(total => upper ? total / 2 : (total + 1) / 2)];
        return this with { Begin = begin, End = [.. totals.Zip(begin, (total, b) => total - b)], Automatic = "" };
    }

    /// <summary>Whether elements at an end of the input are cut off before the windows step over it.</summary>
    public bool LeavesOut => Begin.Concat(End).Any(p => p < 0);

    /// <summary>Elements that a dilated kernel spans.</summary>
    public long Extent(int axis) => ((Kernel[axis] - 1) * Dilations[axis]) + 1;

    /// <summary>Elements that padding by SAME reckons with: the runtime's pools take their kernel for undilated.</summary>
    public long Covered(int axis) => IsPool ? Kernel[axis] : Extent(axis);

    /// <summary>Output size of a convolution or pooling, as the runtime's kernels make it.</summary>
    public Dim OutputSize(int axis, Dim input)
    {
        if (Automatic.Length > 0)
        {
            // By so much the dilated kernel reaches beyond what padding reckons with.
            var beyond = Extent(axis) - Covered(axis);
            if (IsPool && !Ceiling && input.Size is { } size)
                return ((((size - 1) / Strides[axis] * Strides[axis]) - beyond) / Strides[axis]) + 1;
            var missing = (Ceiling ? beyond : beyond + Strides[axis] - 1) / Strides[axis];
            return Dim.FloorDivide(input + (Strides[axis] - 1), Strides[axis]) - missing;
        }

        var free = input + (Begin[axis] + End[axis] - Extent(axis));
        if (!Ceiling)
        {
            // Pools round towards zero: a window that is larger than all there is still stands once.
            return (IsPool && free.IsConstant ? free.Constant / Strides[axis] : Dim.FloorDivide(free, Strides[axis])) + 1;
        }

        var steps = Dim.FloorDivide(free + (Strides[axis] - 1), Strides[axis]) + 1;
        // The last window must start inside the input or its padding at the beginning.
        return steps.IsConstant && input.IsConstant && (steps.Constant - 1) * Strides[axis] >= input.Constant + Begin[axis]
            ? steps - 1
            : steps;
    }

    /// <summary>Whether there is an input, of one element or more, that no window of a pool fits into.</summary>
    public bool CanBeNone(int axis) => Extent(axis) >= Strides[axis] + (Automatic.Length > 0 ? Kernel[axis] : 1 + Begin[axis] + End[axis]);

    /// <summary>Whether the last window along an axis ends behind the input and its padding; false where sizes are not known.</summary>
    public bool ReachesOut(int axis, Dim input, Dim? output) =>
        input.Size is { } size && output?.Size is { } steps
            && ((steps - 1) * Strides[axis]) + Extent(axis) > size + Begin[axis] + End[axis];

    /// <summary>
    /// Padding with which a convolution or pool has one output for every started stride. Where strides are longer than the kernel the
    /// runtime leaves elements out instead, at both ends, and of convolutions one less.
    /// </summary>
    private Window Same(Dim[] input, string automatic)
    {
        var totals = new long[Rank];
        for (var i = 0; i < Rank; i++)
        {
            if (input[i + 2].Size is { } size)
                totals[i] = ((((size + Strides[i] - 1) / Strides[i]) - 1) * Strides[i]) + Covered(i) - size;
            else if (Strides[i] == 1)
                totals[i] = Covered(i) - 1;
            else
                return this with { Automatic = automatic };
            if (totals[i] < 0 && !IsPool)
                totals[i]++;
        }

        var result = Split(totals, automatic == "SAME_UPPER");
        // What striding forgets at the end anyway need not be left out.
        return IsPool ? result : result with { End = [.. result.End.Select(end => Math.Max(end, 0))] };
    }

    /// <summary>
    /// What a transposed convolution cuts off so that it has a stride's worth of outputs for every input;
    /// where it reaches less, it stays so.
    /// </summary>
    private Window Cut(string automatic, IReadOnlyList<long>? padding)
    {
        long Total(int i) => Math.Max(0, Extent(i) - Strides[i] + (padding?.ElementAtOrDefault(i) ?? 0));
        return Split([.. Enumerable.Range(0, Rank).Select(Total)], automatic == "SAME_UPPER");
    }
}
