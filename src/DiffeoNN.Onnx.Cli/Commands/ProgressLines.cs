using System.Diagnostics;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>How far a long piece of work is: a bar where it can move, else lines, the first and the last always.</summary>
/// <param name="show">Takes each new value.</param>
internal sealed class ProgressLines(Action<double> show)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private double _value;

    /// <summary>How much is done, of what <see cref="Run"/> was told.</summary>
    public double Value
    {
        get => _value;
        set => show(_value = value);
    }

    /// <summary>Runs an action under a bar, or between two lines.</summary>
    /// <param name="console">Where they go.</param>
    /// <param name="title">Before the bar.</param>
    /// <param name="all">What is to be done, in the action's own unit; nothing is shown for 0.</param>
    /// <param name="action">Sets the value.</param>
    public static void Run(IAnsiConsole console, string title, int all, Action<ProgressLines> action)
    {
        if (all == 0)
        {
            action(new ProgressLines(_ => { }));
            return;
        }

        if (!console.Profile.Capabilities.Interactive || !console.Profile.Capabilities.Ansi)
        {
            RunBetweenLines(console, title, all, action);
            return;
        }

        console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var task = context.AddTask(title, maxValue: all);
                action(new ProgressLines(value => task.Value = value));
            });
    }

    private static void RunBetweenLines(IAnsiConsole console, string title, int all, Action<ProgressLines> action)
    {
        var clock = Stopwatch.StartNew();
        Print(0);
        action(new ProgressLines(value =>
        {
            if (clock.Elapsed < Pause || value >= all) return;
            Print((int)(100 * value / all));
            clock.Restart();
        }));
        Print(100);

        void Print(int percent) => console.MarkupLineInterpolated($"[grey]{title}: {percent} %[/]");
    }
}
