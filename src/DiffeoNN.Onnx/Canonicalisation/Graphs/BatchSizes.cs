namespace DiffeoNN.Onnx.Canonicalisation.Graphs;

/// <summary>Sizes that batches are filled up to.</summary>
internal sealed class BatchSizes
{
    private const int Largest = 128;

    private readonly bool _fixed;

    private BatchSizes(bool isFixed) => _fixed = isFixed;

    /// <summary>Every size is as good as another.</summary>
    public static BatchSizes AsTheyCome { get; } = new(false);

    /// <summary>Powers of two up to 128, and multiples of 128: a GPU prepares itself for every size anew.</summary>
    public static BatchSizes Fixed { get; } = new(true);

    /// <summary>The size for so many rows.</summary>
    public int Above(int rows)
    {
        if (!_fixed)
            return rows;
        if (rows > Largest)
            return (rows + Largest - 1) / Largest * Largest;
        var size = 1;
        while (size < rows)
            size *= 2;
        return size;
    }

    /// <summary>Whether so few of a batch's rows are still needed that it is made smaller.</summary>
    public bool IsWorthShrinking(int rows, int active) => _fixed ? Above(active) < rows : rows - active >= Math.Max(1, rows / 8);
}
