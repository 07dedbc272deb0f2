using System.Globalization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What <c>evaluate</c> prints.</summary>
internal static class EvaluationTable
{
    private const string Remedy =
        "diffeonn tune chooses when a map is used; diffeonn doctor BUNDLE --data IMAGES finds wrong wiring.";

    /// <summary>Prints the table of methods and what else the summary says.</summary>
    public static void Print(IAnsiConsole console, EvaluationResult result, string output)
    {
        var summary = result.Summary;
        var table = new Table().Border(TableBorder.Rounded).AddColumn("method");
        // Not the table's title, which would be broken at the table's width.
        console.MarkupLineInterpolated(
            $"[bold]{summary.Model}[/]: {summary.Count} images of {Name(summary)}, {summary.Deform}, seed {summary.Seed}");
        if (summary.Reference == AnswerReference.Agreement) console.MarkupLineInterpolated($"Scores: {EvaluationData.Agreement}");
        foreach (var column in summary.Columns) table.AddColumn(new TableColumn(column.Heading).RightAligned());
        foreach (var (method, score) in summary.Methods.Present())
            table.AddRow([method, .. summary.Columns.Select(column => Number(score.Of(column), "F4"))]);

        console.Write(table);
        var gap = summary.GapClosed is { } closed
            ? Number(closed, "F3")
            : string.Create(CultureInfo.InvariantCulture, $"not stated (clean exceeds naive by less than {EvaluationSummary.SmallestGap})");
        var residual = $"inverse residual {Number(summary.InverseResidualPixels, "F3")} pixels (median of the largest)";
        console.MarkupLineInterpolated($"Gap closed: {gap}; {summary.Folded} with folds; {residual}");
        if (summary.Harm is { } harm)
        {
            // An error counts as its negative, and is told as itself.
            var means = $"{summary.Columns[0].Heading} {Number(Math.Abs(harm.Canonicalised), "F4")}, the network alone "
                + Number(Math.Abs(harm.Alone), "F4");
            console.MarkupLineInterpolated($"[red]Canonicalisation hurts here: {means}.[/] {Remedy}");
        }

        var left = result.Samples.Count(sample => !sample.Canonicalisation.Accepted);
        if (left > 0) console.MarkupLineInterpolated($"Left as they are: {left} of {summary.Count} images");
        if (summary.EnergyGap is not null || summary.EquivarianceError is not null)
            console.MarkupLineInterpolated(
                $"Energy gap: {Number(summary.EnergyGap, "G4")}; equivariance error: {Number(summary.EquivarianceError, "F4")}");
        console.MarkupLineInterpolated($"{Number(summary.SecondsPerImage, "F2")} s an image; results in {output}");
        PrintSkipped(console, result.Skipped, summary.Count);
    }

    /// <summary>Says what was left out of the data, if anything.</summary>
    public static void PrintSkipped(IAnsiConsole console, IReadOnlyList<string> skipped, int used)
    {
        if (skipped.Count == 0) return;
        console.MarkupLineInterpolated($"[yellow]Skipped {skipped.Count} of {skipped.Count + used}:[/]");
        foreach (var line in skipped) console.MarkupLineInterpolated($"  {ErrorTable.OneLine(line)}");
    }

    private static string Name(EvaluationSummary summary) =>
        string.Join(", ", new[] { summary.Data, summary.Split, summary.Source }.Where(part => part is not null));

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "unknown";
}
