using DiffeoNN.Onnx.Cli;
using Spectre.Console;

using var interrupted = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true; // the running step ends, nothing is left half-written
    interrupted.Cancel();
};
return CommandLine.Run(args, AnsiConsole.Console, Console.Error, interrupted.Token);
