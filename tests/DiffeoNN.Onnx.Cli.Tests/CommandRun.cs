using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>One run of the command line inside the test's process.</summary>
internal sealed record CommandRun(ExitCode Code, string Output, string Error)
{
    public static CommandRun Of(params string[] arguments) => Of(CancellationToken.None, arguments);

    public static CommandRun Of(CancellationToken cancellationToken, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = 200;
        var code = CommandLine.Run(arguments, console, error, cancellationToken);
        return new CommandRun((ExitCode)code, output.ToString(), error.ToString());
    }

    /// <summary>Everything an error has to be: its code, one line, no stack trace.</summary>
    public void AssertError(ExitCode code, params string[] parts)
    {
        Assert.That(Error, Does.StartWith("error: ").And.EndsWith(Environment.NewLine));
        Assert.That(Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), Error);
        Assert.That(Error, Does.Not.Contain("   at "));
        Assert.That(Code, Is.EqualTo(code), Error);
        foreach (var part in parts) Assert.That(Error, Does.Contain(part));
    }
}
