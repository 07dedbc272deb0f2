using System.Globalization;

namespace DiffeoNN.Onnx.Load;

/// <summary>A line of the table: what was looked at, what came out, what was to.</summary>
/// <param name="Check">Which check.</param>
/// <param name="Figure">What came out.</param>
/// <param name="Bar">What was to; empty for a figure without a bar.</param>
/// <param name="IsMet">Whether it did.</param>
internal sealed record Row(string Check, string Figure, string Bar, bool IsMet)
{
    public static Row Of(string check, double value, string unit, double? most = null, double? least = null) => new(
        check, string.Create(CultureInfo.InvariantCulture, $"{value:G4} {unit}"),
        string.Create(CultureInfo.InvariantCulture, $"{(most is null ? "" : $"<= {most:G4}")}{(least is null ? "" : $">= {least:G4}")}"),
        (most is null || value <= most) && (least is null || value >= least));

    public override string ToString() => $"{Check,-64} {Figure,18} {Bar,-12} {(Bar.Length == 0 ? "" : IsMet ? "ok" : "MISS")}";
}
