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
        if (!File.Exists(program)) Assert.Ignore($"Rights do not bind root, and there is no {program}.");
        return ServerProcess.StartBy([program, "--reuid", "1654", "--regid", "1654", "--clear-groups"], arguments);
    }

    public void Dispose()
    {
        if (OperatingSystem.IsWindows()) return;
        foreach (var path in new[] { Hidden, HiddenFile, _folder["lost+found"] }) File.SetUnixFileMode(path, All);
        _folder.Dispose();
    }
}
