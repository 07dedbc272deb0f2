using System.ComponentModel;
using System.Diagnostics;
using DiffeoNN.Onnx.Server;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Clients that know nothing of this repository, tests/DiffeoNN.Onnx.Load/clients: HTTP by the protocol's schemas, gRPC by
/// grpcio.</summary>
[NonParallelizable]
public sealed class ForeignClientTests
{
    [Test]
    public void Clients_OfOtherProjects_FindThatEveryAnswerIsTheProtocols()
    {
        if (OperatingSystem.IsWindows()) Assert.Ignore("The check ends the server by SIGTERM.");
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DIFFEONN_PYTHON") ?? "/usr/bin/python3")
        {
            RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["PYTHONDONTWRITEBYTECODE"] = "1" },
        };
        start.ArgumentList.Add(Path.Combine(Checkout.Root, "tests", "DiffeoNN.Onnx.Load", "clients", "check.py"));
        start.ArgumentList.Add("--server");
        start.ArgumentList.Add(typeof(ServerProgram).Assembly.Location);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            Assert.Ignore($"There is no {start.FileName} here.");
            throw;
        }

        using (process)
        {
            var errors = process.StandardError.ReadToEndAsync();
            var said = process.StandardOutput.ReadToEndAsync();
            if (!process.WaitForExit(TimeSpan.FromMinutes(10))) process.Kill(entireProcessTree: true);
            var output = said.Result;
            var skipped = output.Split('\n').Where(line => line.StartsWith("skip ", StringComparison.Ordinal)).ToList();
            Assert.That(process.ExitCode, Is.Zero, $"{output}\n{errors.Result}");
            if (skipped.Count > 0) Assert.Ignore(string.Join("; ", skipped));
            Assert.That(output, Does.Match("ok   HTTP: .*(.|\n)*ok   gRPC: (.|\n)*[0-9]{4} passed, 0 failed, 0 skipped"));
        }
    }
}
