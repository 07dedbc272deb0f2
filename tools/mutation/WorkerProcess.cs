using System.Diagnostics;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>A worker, seen from outside: ended where it hangs.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private readonly Process _process;

    /// <summary>Starts one.</summary>
    /// <param name="place">The copy of the tests' output.</param>
    /// <param name="folders">Folders whose tests count.</param>
    /// <param name="mutant">The mutant that is on from the start, or -1.</param>
    public WorkerProcess(Workplace place, string[] folders, int mutant)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = place.Folder,
        };
        foreach (var argument in place.Command)
            start.ArgumentList.Add(argument);
        foreach (var argument in new[] { "worker", $"{mutant}", string.Join(',', folders) })
            start.ArgumentList.Add(argument);
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginErrorReadLine();
    }

    /// <summary>Sends a request.</summary>
    public void Ask(string request)
    {
        try
        {
            _process.StandardInput.WriteLine(request);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It died; the next answer says so.
        }
    }

    /// <summary>The next answer; null if none comes in time, or the process has ended. Then it is of no more use.</summary>
    public string? Answer(TimeSpan within)
    {
        var end = Stopwatch.GetTimestamp() + (long)(within.TotalSeconds * Stopwatch.Frequency);
        while (true)
        {
            var left = TimeSpan.FromSeconds((end - Stopwatch.GetTimestamp()) / (double)Stopwatch.Frequency);
            var read = _process.StandardOutput.ReadLineAsync();
            if (left <= TimeSpan.Zero || !read.Wait(left) || read.Result is not { } line)
                return null;
            var mark = line.IndexOf(Worker.Mark, StringComparison.Ordinal);
            if (mark >= 0)
                return line[(mark + Worker.Mark.Length)..];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }
}
