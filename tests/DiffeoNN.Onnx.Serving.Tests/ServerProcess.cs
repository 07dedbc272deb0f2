using System.Diagnostics;
using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Server;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The program <c>diffeonn-server</c> as a process of its own.</summary>
internal sealed partial class ServerProcess : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly TaskCompletionSource<Match> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task<string> _errors;
    private readonly Task _reading;

    private ServerProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
        _reading = Task.Run(Read);
    }

    /// <summary>Starts it.</summary>
    public static ServerProcess Start(params string[] arguments) => StartBy([], arguments);

    /// <summary>The same by another program, which is given the command line.</summary>
    public static ServerProcess StartBy(string[] starter, string[] arguments)
    {
        // runtime folder/shared/Microsoft.NETCore.App/version, three levels below the host.
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var host = Path.GetFullPath(Path.Combine(runtime, "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        string[] command = [.. starter, host, typeof(ServerProgram).Assembly.Location, .. arguments];
        var start = new ProcessStartInfo(command[0]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in command[1..]) start.ArgumentList.Add(argument);
        return new ServerProcess(Process.Start(start)!);
    }

    /// <summary>Where it listens: HTTP and metrics.</summary>
    public async Task<(Uri Http, Uri Metrics)> Listening()
    {
        var found = await _listening.Task.WaitAsync(Long);
        return (new Uri(found.Groups["http"].Value), new Uri(found.Groups["metrics"].Value));
    }

    /// <summary>Waits until it has said something.</summary>
    public async Task Said(string part)
    {
        using var limit = new CancellationTokenSource(Long);
        while (!Holds())
        {
            if (_reading.IsCompleted) throw new InvalidOperationException($"It ended: {string.Join('\n', _lines)} {await _errors}");
            await Task.Delay(20, limit.Token);
        }

        bool Holds()
        {
            lock (_lines) return _lines.Exists(line => line.Contains(part, StringComparison.Ordinal));
        }
    }

    /// <summary>Tells it to end, as container engines do.</summary>
    public void Terminate()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Waits for its end.</summary>
    public async Task<(int Code, string Output, string Errors)> Ended()
    {
        using var limit = new CancellationTokenSource(Long);
        await _process.WaitForExitAsync(limit.Token);
        await _reading;
        return (_process.ExitCode, string.Join('\n', _lines), (await _errors).TrimEnd());
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private async Task Read()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            lock (_lines) _lines.Add(line);
            if (Addresses().Match(line) is { Success: true } match) _listening.TrySetResult(match);
        }

        _listening.TrySetException(new InvalidOperationException($"It ended: {string.Join('\n', _lines)} {await _errors}"));
    }

    [GeneratedRegex(@"Listening: HTTP (?<http>\S+), gRPC \S+, metrics (?<metrics>\S+)\.$")]
    private static partial Regex Addresses();
}
