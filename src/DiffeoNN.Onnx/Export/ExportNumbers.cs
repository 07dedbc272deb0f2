namespace DiffeoNN.Onnx.Export;

/// <summary>Limits as float32, such that comparisons come out as those of doubles do.</summary>
internal static class ExportNumbers
{
    /// <summary>The largest float32 that is at most a limit: a float32 is at most the one if and only if it is at most the other.</summary>
    public static float Below(double limit)
    {
        var nearest = (float)limit;
        return nearest > limit ? MathF.BitDecrement(nearest) : nearest;
    }
}
