namespace DiffeoNN.Onnx.Gradients;

/// <summary>What Slice takes of one axis.</summary>
/// <param name="Axis">The axis, from 0.</param>
/// <param name="Start">First index; negative from the end.</param>
/// <param name="End">Where it stops, exclusive; negative from the end.</param>
/// <param name="Step">Distance of the elements taken; negative runs backwards.</param>
internal sealed record SliceRange(int Axis, long Start, long End, long Step)
{
    /// <summary>The ranges of a Slice node (inputs, or attributes before version 10); null where they are not known.</summary>
    public static SliceRange[]? Read(InferenceContext n, int rank)
    {
        var starts = n.IntegersOf("starts", 1);
        var ends = n.IntegersOf("ends", 2);
        if (starts is null || ends is null || starts.Length != ends.Length)
            return null;
        var axes = n.IntegersOf("axes", 3) ?? (n.Has(3) ? null : [.. Enumerable.Range(0, starts.Length).Select(a => (long)a)]);
        var steps = n.IntegersOf("steps", 4) ?? (n.Has(4) ? null : [.. Enumerable.Repeat(1L, starts.Length)]);
        return axes is null || steps is null || axes.Length != starts.Length || steps.Length != starts.Length ? null
            : [.. starts.Select((s, i) => new SliceRange(n.Axis(axes[i], rank), s, ends[i], steps[i]))];
    }

    /// <summary>Number of elements taken of an axis; null where it depends on unknown sizes.</summary>
    public Dim? Length(Dim size)
    {
        if (size.IsConstant)
        {
            var n = size.Constant;
            var (low, high) = Step > 0 ? (0L, n) : (-1L, n - 1);
            var start = Math.Clamp(Start < 0 ? Start + n : Start, Step > 0 ? 0 : -1, high);
            var end = Math.Clamp(End < 0 ? End + n : End, low, high);
            return Math.Max(0, Step > 0 ? ((end - start) + Step - 1) / Step : ((start - end) - Step - 1) / -Step);
        }

        if (Step == 1 && End > int.MaxValue / 2 && Start >= 0)
            return size - Start;
        if (Step == 1 && End < 0 && Start >= 0)
            return size + End - Start;
        if (Step == 1 && Start < 0 && End > int.MaxValue / 2)
            return -Start;
        if (Step == 1 && Start < 0 && End < 0)
            return End - Start;
        if (Step > 1 && End > int.MaxValue / 2 && Start >= 0)
            return Dim.FloorDivide(size - Start + (Step - 1), Step);
        return Step == -1 && Start == -1 && End < int.MinValue / 2 ? size : null;
    }
}
