using System.Globalization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tuning;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What <c>tune</c> prints: a line whenever a trial is scored, and the outcome.</summary>
/// <param name="console">Where it goes.</param>
/// <param name="manifest">The present settings, which others are compared with.</param>
/// <param name="deformations">Names of what is scored.</param>
/// <param name="images">Images of each set.</param>
internal sealed class TuningTable(IAnsiConsole console, BundleManifest manifest, IEnumerable<string> deformations, int images)
    : IProgress<TuningTrial>
{
    private readonly SearchSpec _present = manifest.Search;
    private readonly string[] _deformations = [.. deformations];

    /// <summary>Says what is scored, and names the columns.</summary>
    public void PrintHeader(AnswerReference reference)
    {
        var of = reference == AnswerReference.Agreement ? $" of {EvaluationData.Agreement}" : "";
        console.WriteLine($"{images} images, undeformed and by {string.Join(", ", _deformations)}. Score: mean of the undeformed and the "
            + $"mean deformed metric{of}. Used: maps, undeformed/deformed.");
        console.WriteLine(string.Join(
            ' ', ["trial", "images", " score", "undeformed", .. _deformations.Select(Column), "     used", "s/image", "changes"]));
    }

    /// <inheritdoc/>
    public void Report(TuningTrial value)
    {
        var used = string.Create(CultureInfo.InvariantCulture, $"{100 * value.UndeformedUsed:F0}/{100 * value.DeformedUsed:F0} %");
        var changes = value.Settings.ChangesFrom(_present);
        console.WriteLine(string.Join(' ',
        [
            $"{value.Number,5}", $"{value.Images,6}", Number(value.Score, "F4", 6), Number(value.Undeformed, "F4", 10),
            .. value.Deformed.Select((metric, i) => Number(metric, "F4", Column(_deformations[i]).Length)),
            $"{used,9}", Number(value.SecondsPerImage, "F2", 7), value.Number == 0 ? "(present)" : changes.Length == 0 ? "(none)" : changes,
        ]));
    }

    /// <summary>Says what came of it.</summary>
    public void PrintResult(TuningResult result)
    {
        EvaluationTable.PrintSkipped(console, result.Skipped, images);
        console.WriteLine(result.Improves
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"Best: trial {result.Best.Number}, score {result.Present.Score:F4} -> {result.Best.Score:F4}: "
                + $"{result.Best.Settings.ChangesFrom(_present)}")
            : string.Create(
                CultureInfo.InvariantCulture,
                $"No trial beats the present settings (score {result.Present.Score:F4}) by {TuningResult.SmallestGain} or more; the "
                + $"manifest stays as it is."));
    }

    private static string Column(string name) => name.PadLeft(6);

    private static string Number(double value, string format, int width) =>
        value.ToString(format, CultureInfo.InvariantCulture).PadLeft(width);
}
