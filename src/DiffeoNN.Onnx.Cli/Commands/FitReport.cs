using System.Globalization;
using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Training.Fit;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What the page of a fit tells.</summary>
/// <param name="Result">Of the fit.</param>
/// <param name="Guesses">What was read of the network.</param>
/// <param name="Findings">What looks wrong about it.</param>
internal sealed record FitReport(FitResult Result, IReadOnlyList<Guess> Guesses, IReadOnlyList<Finding> Findings)
{
    /// <summary>Name of the page in the bundle's folder.</summary>
    public const string FileName = "report.html";

    /// <summary>The network's file.</summary>
    public required string Inner { get; init; }

    /// <summary>The images, as they were given.</summary>
    public required string Data { get; init; }

    /// <summary>The time that was given.</summary>
    public required TimeSpan Time { get; init; }

    /// <summary>Rows of pictures; empty for none.</summary>
    public IReadOnlyList<FitPanel> Panels { get; init; } = [];

    /// <summary>Draws the pictures and writes the page into the bundle's folder. Whatever goes wrong is said, and no more: the bundle
    /// stands.</summary>
    /// <param name="console">Where that is said.</param>
    /// <param name="execution">Device and cores.</param>
    /// <param name="cancellationToken">Leaves the pictures out, as what goes wrong with them does.</param>
    /// <returns>Whether the page was written.</returns>
    public bool Write(IAnsiConsole console, ExecutionOptions execution, CancellationToken cancellationToken)
    {
        var panels = Try(console, "its pictures could not be drawn", () => FitPanel.Of(Result, execution, cancellationToken)) ?? Panels;
        var path = Path.Combine(Result.Bundle.Folder, FileName);
        var written = Try(console, "it could not be written", () =>
        {
            AtomicFile.WriteText(path, FitPage.Of(this with { Panels = panels }));
            return path;
        });
        if (written is not null) console.WriteLine($"Report: {path}");
        return written is not null;
    }

    /// <summary>The command that answers new images.</summary>
    public string NextCommand => $"diffeonn run --model {Quoted(Result.Bundle.Folder)} --input new-images/ --output results/";

    /// <summary>A path as a shell takes it.</summary>
    internal static string Quoted(string path) =>
        path.All(c => char.IsAsciiLetterOrDigit(c) || "/._-+:\\~".Contains(c, StringComparison.Ordinal)) && path.Length > 0
            ? path
            : OperatingSystem.IsWindows() ? $"\"{path}\"" : $"'{path.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>A duration in words: <c>45 s</c>, <c>12 min 05 s</c>, <c>1 h 30 min</c>.</summary>
    internal static string Duration(TimeSpan time)
    {
        var seconds = (long)Math.Round(time.TotalSeconds);
        return FormattableString.Invariant(seconds switch
        {
            >= 3600 => $"{seconds / 3600} h {seconds / 60 % 60:D2} min",
            >= 60 => $"{seconds / 60} min {seconds % 60:D2} s",
            _ => (FormattableString)$"{seconds} s",
        });
    }

    /// <summary>The page is worth less than the bundle, so no kind of error ends the command.</summary>
    private static T? Try<T>(IAnsiConsole console, string trouble, Func<T> action)
        where T : class
    {
        try
        {
            return action();
        }
#pragma warning disable CA1031 // see above
        catch (Exception error)
#pragma warning restore CA1031
        {
            console.MarkupLineInterpolated(
                $"[yellow]warning: {FileName}: {trouble}: {ErrorTable.OneLine(error.Message)} The bundle stands.[/]");
            return null;
        }
    }
}
