using System.Diagnostics;
using NUnit.Framework;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>Pipes with a name, in temporary folders.</summary>
internal static class Fifo
{
    /// <summary>Makes one.</summary>
    public static void Make(string path)
    {
        using var process = Process.Start("mkfifo", [path]);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"mkfifo {path}");
    }

    /// <summary>What is read from it until the writer closes it.</summary>
    public static Task<byte[]> Read(string path) => Task.Run(() =>
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    });
}
