using System.Diagnostics;
using DiffeoNN.Onnx.Training.Fit;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Shows a fit as it goes: a table that is written anew where a console can do that, else lines.</summary>
internal static class FitDisplay
{
    /// <summary>Runs a fit and shows how far it is.</summary>
    /// <param name="console">Where that goes.</param>
    /// <param name="folder">Of the bundle, for what is said on an interruption.</param>
    /// <param name="fit">Reports to the progress it is given.</param>
    /// <returns>Null where it was interrupted: what stands was said.</returns>
    public static FitResult? Run(IAnsiConsole console, string folder, Func<IProgress<FitProgress>, FitResult> fit)
    {
        try
        {
            if (!console.Profile.Capabilities.Interactive || !console.Profile.Capabilities.Ansi) return fit(new FitLines(console));
            FitResult? result = null;
            var table = new FitTable(console.Profile.Capabilities.Unicode);
            console.Live(table.Draw()).AutoClear(true).Start(context => result = fit(new Reporter(table, context, new FitLines(console))));
            return result;
        }
        catch (OperationCanceledException)
        {
            console.WriteLine(Interrupted(folder));
            return null;
        }
    }

    /// <summary>What stands after an interruption, and how to go on.</summary>
    /// <param name="folder">Of the bundle.</param>
    internal static string Interrupted(string folder)
    {
        var bundle = File.Exists(Path.Combine(folder, Bundles.BundleManifest.FileName))
            ? $"Interrupted: the bundle in {folder} stands as it was written last; it has no verdict yet."
            : $"Interrupted before a bundle was written to {folder}.";
        return BundleFitter.CanResume(folder)
            ? $"{bundle} The same command with --resume goes on."
            : $"{bundle} There is nothing to go on from; fit anew.";
    }

    private sealed class Reporter(FitTable table, LiveDisplayContext context, FitLines lines) : IProgress<FitProgress>
    {
        private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.2);
        private long _drawn;

        public void Report(FitProgress value)
        {
            // What is to stay is a line above the table.
            if (value.Trial is not null || value.Note is not null) lines.Report(value);
            var isNew = table.Take(value);
            if (!isNew && Stopwatch.GetElapsedTime(_drawn) < Pause) return;
            _drawn = Stopwatch.GetTimestamp();
            context.UpdateTarget(table.Draw());
        }
    }
}
