using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Diagnostics.Reading;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>What was read of a network: a line each, and what looks wrong.</summary>
internal static class ReadingLines
{
    /// <summary>Prints it.</summary>
    public static void Print(IAnsiConsole console, NetworkReading reading)
    {
        foreach (var guess in reading.Guesses)
        {
            var colour = guess.Origin switch { GuessOrigin.Unknown => "yellow", GuessOrigin.Guessed => "blue", _ => "green" };
            // Lines, not a table: they stay readable in a log and when they are searched.
            console.Write(new Markup($"[{colour}]{Word(guess.Origin)}[/] {Markup.Escape(guess.ToString())}\n"));
        }

        foreach (var finding in reading.Findings)
        {
            var isProblem = finding.Level == FindingLevel.Problem;
            console.Write(new Markup($"[{(isProblem ? "red" : "yellow")}]{(isProblem ? "problem" : "warning")}[/] "
                + $"{Markup.Escape(finding.Subject)}: {Markup.Escape(finding.Text)}\n        to do: {Markup.Escape(finding.Advice)}\n"));
        }
    }

    /// <summary>How sure something is, in seven characters.</summary>
    public static string Word(GuessOrigin origin) => origin switch
    {
        GuessOrigin.File => "file   ",
        GuessOrigin.Told => "told   ",
        GuessOrigin.Guessed => "guessed",
        _ => "unknown",
    };
}
