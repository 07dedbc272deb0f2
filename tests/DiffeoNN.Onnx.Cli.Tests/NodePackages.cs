using System.ComponentModel;
using System.Diagnostics;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>Packages of npm, where they were installed; programs beside this one.</summary>
internal static class NodePackages
{
    /// <summary>The folder that packages are in.</summary>
    private static string Folder { get; } = Environment.GetEnvironmentVariable("DIFFEONN_NODE_MODULES")
        ?? Path.Combine(Repository.Root, "tools", "export-examples", "node_modules");

    /// <summary>A folder with certain packages; ignores the test where one is missing.</summary>
    public static string With(params string[] packages)
    {
        if (packages.FirstOrDefault(name => !Directory.Exists(Path.Combine(Folder, name))) is { } missing)
            Assert.Ignore($"npm's package {missing} is not in '{Folder}'; 'npm install --ignore-scripts' in tools/export-examples, or "
                + "DIFFEONN_NODE_MODULES.");
        return Folder;
    }

    /// <summary>Runs a program; ignores the test where it cannot be started.</summary>
    public static (int Code, string Output, string Error) Run(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        try
        {
            using var process = Process.Start(start)!;
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output, error.Result);
        }
        catch (Win32Exception e)
        {
            Assert.Ignore($"'{program}' does not start: {e.Message}");
            throw;
        }
    }
}
