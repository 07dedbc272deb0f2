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
            Line(value, $"validation ({Basis(trial)}): {Describe(trial)}"
                + (value.Written ? "; bundle written" : "; the bundle before was better"));
            return;
        }

        var isNew = (value.Stage, value.Round) != (_stage, _round);
        if (value.Note is not null || (!isNew && Stopwatch.GetElapsedTime(_told) < Pause)) return;
        (_stage, _round, _told) = (value.Stage, value.Round, Stopwatch.GetTimestamp());
        var terms = string.Join(", ", value.Terms.Select(term => Text($"{term.Key} {term.Value:G3}")));
        Line(value, $"{Words(value.Stage)} {value.Step}/{value.Steps}{(terms.Length > 0 ? $": {terms}" : "")}");
    }

    /// <summary>What figures of a trial rest on, and how little that may be.</summary>
    public static string Basis(FitTrial trial) =>
        Text($"{trial.Images} images that settings were chosen on") + (trial.IsTelling ? "" : ", too few to tell");

    /// <summary>What was reached on images held out: the network alone, and canonicalised, with the standard error of the change where
    /// there are images enough for one. Errors are negative metrics; here they have no sign.</summary>
    public static string Describe(FitTrial trial) => string.Join(", ", trial.Deformed
        .Select(pair => Text($"{pair.Key} {Math.Abs(trial.DeformedAlone[pair.Key]):F3} -> {Math.Abs(pair.Value):F3}")
            + Error(trial, pair.Key))
        .Prepend(Text($"undeformed {Math.Abs(trial.UndeformedAlone):F3} -> {Math.Abs(trial.Undeformed):F3}{Error(trial, "none")}")));

    /// <summary>The standard error of what changes on a family; nothing where it is unknown or would say nothing.</summary>
    public static string Error(FitTrial trial, string family) =>
        trial.IsTelling && trial.Errors.TryGetValue(family, out var error) ? Text($" ± {error:F3}") : "";

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
        var word = verdict.Doubts.Count > 0 ? "claims nothing" : FitPage.Word(verdict);
        console.MarkupLineInterpolated(verdict.Helps
            ? $"[green]Bundle '{result.Bundle.Name}' {word}. It is in {result.Bundle.Folder}.[/]"
            : (FormattableString)$"[yellow]Bundle '{result.Bundle.Name}' {word}. It is in {result.Bundle.Folder}.[/]");
        if (FitAdvice.Of(result) is { } advice) console.WriteLine($"to do: {advice}");
    }

    private void Line(FitProgress value, string text) => console.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"[{value.Elapsed:h\\:mm\\:ss}, {value.Left:h\\:mm\\:ss} left] {text}"));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
