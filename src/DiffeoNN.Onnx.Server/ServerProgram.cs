using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Server;

/// <summary>The program <c>diffeonn-server</c>: reads its settings, serves until it is told to end, and says why where it cannot.</summary>
internal static class ServerProgram
{
    /// <summary>Ended when it was told to.</summary>
    public const int Success = 0;

    /// <summary>A defect of this program.</summary>
    public const int Internal = 1;

    /// <summary>Settings that make no sense, a port that is taken, or models that do not work any more.</summary>
    public const int Usage = 2;

    /// <summary>Runs a command line.</summary>
    /// <param name="arguments">As given by the shell, without the program's name.</param>
    /// <param name="output">Where what was asked for is printed.</param>
    /// <param name="error">Where the one line of an error goes.</param>
    /// <returns>The exit code, as the command line's own.</returns>
    public static async Task<int> RunAsync(string[] arguments, TextWriter output, TextWriter error)
    {
        try
        {
            var given = ServerArguments.Read(arguments);
            if (given.Text is { } text)
            {
                await output.WriteLineAsync(text);
                return Success;
            }

            await using var server = new InferenceServer(ServerSettings.Read(given.Settings, given.File));
            await server.RunAsync();
            return Success;
        }
        catch (Exception exception)
        {
            var isTold = exception is ServerException;
            var message = string.Join(" ", exception.Message.Split(
                ['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
            await error.WriteLineAsync(isTold
                ? $"error: {message}"
                : $"error: internal error, please report it: {exception.GetType().Name}: {message} (set DIFFEONN_TRACE=1 for the "
                    + "stack trace)");
            if (Environment.GetEnvironmentVariable("DIFFEONN_TRACE") == "1") await error.WriteLineAsync($"{exception}");
            return isTold ? Usage : Internal;
        }
    }
}
