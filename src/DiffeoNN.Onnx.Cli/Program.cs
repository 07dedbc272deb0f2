using DiffeoNN.Onnx.Cli;
using Spectre.Console;

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true; // the running step ends, nothing is left half-written
    interrupted.Cancel();
};
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 10_000; // lines in a file or a pipe are not broken
return CommandLine.Run(args, AnsiConsole.Console, Console.Error, interrupted.Token);
