namespace DiffeoNN.Onnx.Validation.Comparing;

/// <summary>How many elements of a tensor are off by how much, in powers of ten relative to the tensor's magnitude.</summary>
/// <param name="Exact">Elements without any error.</param>
/// <param name="Counts">
/// Elements with an error: below 10^<see cref="LowestExponent"/> first, then one entry for each power of ten from
/// 10^<see cref="LowestExponent"/> on, and last those with errors of 1 and more.
/// </param>
/// <param name="NonFinite">Elements of which one side is not finite and the other is something else.</param>
public sealed record ErrorHistogram(long Exact, IReadOnlyList<long> Counts, long NonFinite)
{
    /// <summary>Errors below 10 to this power share the first entry.</summary>
    public const int LowestExponent = -10;

    /// <summary>Number of entries of <see cref="Counts"/>.</summary>
    public const int Bins = 2 - LowestExponent;

    /// <summary>The entry an error belongs to.</summary>
    /// <param name="error">Relative to the magnitude, above 0.</param>
    internal static int Bin(double error) =>
        error >= 1 ? Bins - 1 : Math.Clamp((int)Math.Floor(Math.Log10(error)) - LowestExponent + 1, 0, Bins - 2);

    /// <summary>What an entry holds, for people: "below 1e-10", "1e-7 to 1e-6", "1 and above".</summary>
    /// <param name="bin">Position in <see cref="Counts"/>.</param>
    public static string Label(int bin) => bin switch
    {
        0 => $"below 1e{LowestExponent}",
        Bins - 1 => "1 and above",
        Bins - 2 => "0.1 to 1",
        _ => $"1e{LowestExponent + bin - 1} to 1e{LowestExponent + bin}",
    };
}
