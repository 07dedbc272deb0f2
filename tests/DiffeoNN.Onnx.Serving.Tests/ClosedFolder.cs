using System.Diagnostics;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>A folder, parts of which the server that is started may not read; tests that need one are skipped where that cannot be
/// brought about.</summary>
internal sealed class ClosedFolder : IDisposable
{
    private const UnixFileMode All = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private readonly TemporaryFolder _folder = new();

    public ClosedFolder()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("Windows has other rights.");
            return;
        }

        File.SetUnixFileMode(_folder.Path, All);
        foreach (var folder in new[] { Hidden, _folder["lost+found"] }) Directory.CreateDirectory(folder, UnixFileMode.None);
        File.WriteAllText(HiddenFile, "secret");
        File.SetUnixFileMode(HiddenFile, UnixFileMode.None);
    }

    /// <summary>May be read.</summary>
    public string Path => _folder.Path;

    /// <summary>A folder that may not.</summary>
    public string Hidden => _folder["hidden"];

    /// <summary>A file that may not.</summary>
    public string HiddenFile => _folder["file"];

    /// <summary>Starts a server, as somebody whom rights bind.</summary>
    public ServerProcess Start(string[] arguments)
    {
        if (!Environment.IsPrivilegedProcess) return ServerProcess.Start(arguments);
        const string program = "/usr/bin/setpriv";
        // Root without its capabilities: bound by rights, and still the owner of the folders that lead to the program.
        string[] bound = ["--bounding-set", "-all", "--inh-caps", "-all"];
        if (!File.Exists(program) || !Succeeds(program, [.. bound, "true"]))
            Assert.Ignore($"Rights do not bind root, and {program} is not there or may not give its capabilities up.");
        return ServerProcess.StartBy([program, .. bound], arguments);
    }

    private static bool Succeeds(string program, string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    public void Dispose()
    {
        if (OperatingSystem.IsWindows()) return;
        foreach (var path in new[] { Hidden, HiddenFile, _folder["lost+found"] }) File.SetUnixFileMode(path, All);
        _folder.Dispose();
    }
}
