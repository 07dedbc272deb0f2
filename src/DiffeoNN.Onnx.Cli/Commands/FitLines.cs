using System.Diagnostics;
using System.Globalization;
using DiffeoNN.Onnx.Training.Fit;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Says how far a fit is: a line every few seconds, and one for each choice of settings.</summary>
internal sealed class FitLines(IAnsiConsole console) : IProgress<FitProgress>
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(15);
    private FitStage? _stage;
    private int _round;
    private long _told;

    /// <inheritdoc/>
    public void Report(FitProgress value)
    {
        if (value.Note is { } note) console.WriteLine($"note: {note}");
        if (value.Trial is { } trial)
        {
            Line(value, $"validation ({Text($"{trial.Images}")} images): {Describe(trial)}"
                + (value.Written ? "; bundle written" : "; the bundle before was better"));
            return;
        }

        var isNew = (value.Stage, value.Round) != (_stage, _round);
        if (value.Note is not null || (!isNew && Stopwatch.GetElapsedTime(_told) < Pause)) return;
        (_stage, _round, _told) = (value.Stage, value.Round, Stopwatch.GetTimestamp());
        var terms = string.Join(", ", value.Terms.Select(term => Text($"{term.Key} {term.Value:G3}")));
        Line(value, $"{Words(value.Stage)} {value.Step}/{value.Steps}{(terms.Length > 0 ? $": {terms}" : "")}");
    }

    /// <summary>What was reached on images held out: the network alone, and canonicalised. Errors are negative metrics; here they have no
    /// sign.</summary>
    public static string Describe(FitTrial trial) => string.Join(", ", trial.Deformed
        .Select(pair => Text($"{pair.Key} {Math.Abs(trial.DeformedAlone[pair.Key]):F3} -> {Math.Abs(pair.Value):F3}"))
        .Prepend(Text($"undeformed {Math.Abs(trial.UndeformedAlone):F3} -> {Math.Abs(trial.Undeformed):F3}")));

    /// <summary>A stage in words.</summary>
    public static string Words(FitStage stage) => stage switch
    {
        FitStage.Task => "proposer with answers",
        _ => stage.ToString().ToLowerInvariant(),
    };

    /// <summary>The verdict, as a table and lines.</summary>
    public static void PrintVerdict(IAnsiConsole console, FitResult result)
    {
        var verdict = result.Verdict;
        var table = new Table().AddColumns("deformation", "images", "undeformed", "alone", "canonicalised", "gap closed", "maps used");
        foreach (var figure in verdict.Figures)
        {
            table.AddRow(
                figure.Deformation, Text($"{figure.Images}"), Text($"{verdict.Shown(figure.Undeformed):F4}"),
                Text($"{verdict.Shown(figure.Alone):F4}"), Text($"{verdict.Shown(figure.Canonicalised):F4}"),
                figure.GapClosed is { } closed ? Text($"{closed:F2}") : "-", Text($"{figure.Used:P0}"));
        }

        console.WriteLine($"{verdict.Measure}{(verdict.OfTruth ? "" : ", with the network's own answers on undeformed images")}:");
        console.Write(table);
        foreach (var line in verdict.Lines) console.WriteLine(line);
        console.MarkupLineInterpolated(verdict.Helps
            ? $"[green]Bundle '{result.Bundle.Name}' helps. It is in {result.Bundle.Folder}.[/]"
            : (FormattableString)$"[yellow]Bundle '{result.Bundle.Name}' does not help. It is in {result.Bundle.Folder}.[/]");
    }

    private void Line(FitProgress value, string text) => console.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"[{value.Elapsed:h\\:mm\\:ss}, {value.Left:h\\:mm\\:ss} left] {text}"));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
