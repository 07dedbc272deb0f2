using System.CommandLine;
using System.CommandLine.Parsing;
using DiffeoNN.Onnx.Cli.Commands;
using DiffeoNN.Onnx.Torch;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli;

/// <summary>The command <c>diffeonn</c>: parses, runs, and turns every error into one line and an exit code.</summary>
internal static class CommandLine
{
    /// <summary>Runs one command line.</summary>
    /// <param name="arguments">As given by the shell, without the program's name.</param>
    /// <param name="console">Where tables and progress go.</param>
    /// <param name="error">Where the one line of an error goes.</param>
    /// <param name="cancellationToken">Cancelled by Ctrl+C.</param>
    public static int Run(string[] arguments, IAnsiConsole console, TextWriter error, CancellationToken cancellationToken = default)
    {
        TorchEngine.Register();
        var root = Create(console);
        try
        {
            var parsed = root.Parse(arguments);
            if (parsed.Errors.Count > 0)
            {
                error.WriteLine($"error: {Describe(parsed)}");
                return (int)ExitCode.Usage;
            }

            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return parsed.InvokeAsync(configuration, cancellationToken).GetAwaiter().GetResult();
        }
        catch (Exception exception)
        {
            var cause = ErrorTable.Cause(exception);
            error.WriteLine($"error: {ErrorTable.Describe(cause)}");
            if (Environment.GetEnvironmentVariable("DIFFEONN_TRACE") == "1")
                error.WriteLine(exception);
            return (int)ErrorTable.Map(cause);
        }
    }

    /// <summary>All commands with their options.</summary>
    /// <param name="console">Where they print.</param>
    public static RootCommand Create(IAnsiConsole console) =>
        new("Makes pretrained networks robust to deformations: canonicalise, infer, map back.")
        {
            DemoCommand.Create(console),
            RunCommand.Create(console),
            EvaluateCommand.Create(console),
            TuneCommand.Create(console),
            InfoCommand.Create(console),
            DoctorCommand.Create(console),
            GradientCommand.Create(console),
            ValidateCommand.Create(console),
            DeformCommand.Create(console),
            ShapesCommand.Create(console),
            BundleCommand.Create(console),
            FitCommand.Create(console),
            ServeCommand.Create(),
            ExportCommand.Create(console),
        };

    private static string Describe(ParseResult parsed)
    {
        // A misspelt command shows as a missing one first.
        var message = parsed.UnmatchedTokens is [var token, ..] && parsed.CommandResult.Command is RootCommand
            ? $"'{token}' is no command of diffeonn."
            : ErrorTable.OneLine(parsed.Errors[0].Message).Replace(
                "as expected type 'System.UInt64'", "as a whole number from 0 on", StringComparison.Ordinal);
        // A value that is none of those allowed is told without the option it was given to.
        if (parsed.Errors is [{ SymbolResult: OptionResult { Option: var option } }, ..]
            && !message.Contains(option.Name, StringComparison.Ordinal)
            && !message.StartsWith(option.Name[2..], StringComparison.OrdinalIgnoreCase))
        {
            message = $"{option.Name}: {message}";
        }

        var command = parsed.CommandResult.Command is RootCommand ? "diffeonn" : $"diffeonn {parsed.CommandResult.Command.Name}";
        return $"{message} See '{command} --help'.";
    }
}
