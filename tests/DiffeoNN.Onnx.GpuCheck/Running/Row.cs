using System.Globalization;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>One line of a check.</summary>
/// <param name="Check">The sub-command.</param>
/// <param name="Name">What was looked at.</param>
/// <param name="Figure">The measured figure; null where there is none.</param>
/// <param name="Unit">Its unit; empty where it has none.</param>
/// <param name="Bar">What it is held against, such as ">= 0.999"; empty where it only informs.</param>
/// <param name="Verdict">How it came out.</param>
/// <param name="Note">More for people.</param>
internal sealed record Row(string Check, string Name, double? Figure, string Unit, string Bar, Verdict Verdict, string Note)
{
    /// <summary>The row as it is printed.</summary>
    public override string ToString()
    {
        var figure = Figure is { } value ? $"{Text(value)}{(Unit.Length > 0 ? " " + Unit : "")}" : "";
        var verdict = Verdict switch
        {
            Verdict.Ok => "ok",
            Verdict.Miss => "MISS",
            Verdict.Skip => "skip",
            Verdict.Late => "LATE",
            _ => "",
        };
        return $"{Name,-62} {figure,16} {Bar,-11} {verdict,-4} {Note}".TrimEnd();
    }

    private static string Text(double value) => double.IsInteger(value) && Math.Abs(value) < 1e9
        ? value.ToString("0", CultureInfo.InvariantCulture)
        : value.ToString(Math.Abs(value) is >= 0.01 and < 1e6 ? "G5" : "0.0e+0", CultureInfo.InvariantCulture);
}
