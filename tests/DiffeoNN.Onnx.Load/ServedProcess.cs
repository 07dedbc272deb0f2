using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace DiffeoNN.Onnx.Load;

/// <summary>The program <c>diffeonn-server</c> as a process of its own, always by the same command: to be ended, killed, and started again.
/// </summary>
internal sealed class ServedProcess : IDisposable
{
    private readonly string _work = Directory.CreateTempSubdirectory("loadcheck-").FullName;
    private readonly int[] _ports = [.. FreePorts(3)];
    private readonly int _threads;
    private readonly double _drain;
    private Process? _process;

    /// <summary>Sets it up.</summary>
    /// <param name="bundle">A copy of it is served.</param>
    /// <param name="threads">Its cores; 0 for all.</param>
    /// <param name="drain">Seconds that it takes requests after it was told to end.</param>
    public ServedProcess(string bundle, int threads, double drain)
    {
        (_threads, _drain) = (threads, drain);
        foreach (var folder in Places.Append("here")) Directory.CreateDirectory(Path.Combine(_work, folder));
        Target.Serve(bundle, Path.Combine(_work, "models"));
    }

    // All that a program may write to without being told.
    private static string[] Places => ["tmp", "cache", "home"];

    public Uri Http => new($"http://127.0.0.1:{_ports[0]}");

    public Uri Rpc => new($"http://127.0.0.1:{_ports[1]}");

    /// <summary>All files, sockets and pipes in the folders that it may write to.</summary>
    public IReadOnlyList<string> Files =>
    [
        .. Directory.EnumerateFileSystemEntries(_work, "*", SearchOption.AllDirectories).Where(path => !Directory.Exists(path))
            .Select(path => Path.GetRelativePath(_work, path)).Order(StringComparer.Ordinal),
    ];

    /// <summary>Starts it, and waits until it is ready.</summary>
    /// <returns>How long that took.</returns>
    public async Task<TimeSpan> Start()
    {
        var start = Stopwatch.GetTimestamp();
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var host = Path.GetFullPath(Path.Combine(runtime, "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        var info = new ProcessStartInfo(host)
        {
            WorkingDirectory = Path.Combine(_work, "here"), RedirectStandardOutput = true,
            Environment =
            {
                ["TMPDIR"] = Path.Combine(_work, "tmp"), ["HOME"] = Path.Combine(_work, "home"),
                ["DIFFEONN_CACHE"] = Path.Combine(_work, "cache"), ["XDG_CACHE_HOME"] = Path.Combine(_work, "cache"),
            },
        };
        string[] arguments =
        [
            Path.Combine(AppContext.BaseDirectory, "diffeonn-server.dll"), "--models", Path.Combine(_work, "models"), "--device", "cpu",
            "--http", $"{_ports[0]}", "--grpc", $"{_ports[1]}", "--metrics", $"{_ports[2]}", "--threads", $"{_threads}",
            "--drain", _drain.ToString(CultureInfo.InvariantCulture),
        ];
        foreach (var argument in arguments) info.ArgumentList.Add(argument);
        _process?.Dispose();
        _process = Process.Start(info)!;
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        using var http = new HttpClient();
        while (!await IsReady(http))
        {
            if (_process.HasExited) throw new InvalidOperationException($"The server ended with {_process.ExitCode} before it was ready.");
            if (Stopwatch.GetElapsedTime(start) > TimeSpan.FromMinutes(3))
                throw new TimeoutException("The server is not ready after 3 minutes.");
            await Task.Delay(20);
        }

        return Stopwatch.GetElapsedTime(start);
    }

    /// <summary>Whether it takes requests.</summary>
    public async Task<bool> IsReady(HttpClient http)
    {
        try
        {
            using var response = await http.GetAsync(new Uri(Http, "v2/health/ready"));
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Kills it as the kernel does that runs out of memory.</summary>
    public async Task Kill()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Tells it to end, as container engines do.</summary>
    public void Terminate()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process!.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> Ended()
    {
        await _process!.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(3));
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (_process is { HasExited: false }) _process.Kill();
        _process?.Dispose();
        Directory.Delete(_work, recursive: true);
    }

    private static IEnumerable<int> FreePorts(int count)
    {
        // All at a time, so that they differ.
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        foreach (var listener in listeners) listener.Start();
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (var listener in listeners) listener.Dispose();
        return ports;
    }
}
