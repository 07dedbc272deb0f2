namespace DiffeoNN.Onnx.Native;

/// <summary>A folder only this user can write, for libraries that this process will load.</summary>
/// <remarks>Safe for several processes at once: a file appears under its name only when whole, by a rename.</remarks>
internal static class PrivateCache
{
    /// <summary>Environment variable that names the folder.</summary>
    public const string Variable = "DIFFEONN_CACHE";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Folders to try in turn.</summary>
    /// <param name="variable">Reads an environment variable.</param>
    /// <returns>The folder that <see cref="Variable"/> names and no other;
    /// without it, the user's cache folder, then one below the temporary folder.</returns>
    public static IReadOnlyList<string> Candidates(Func<string, string?> variable)
    {
        if (variable(Variable) is { Length: > 0 } named) return [Path.GetFullPath(named)];
        List<string> result = [];
        // The XDG specification wants relative paths ignored.
        if (variable("XDG_CACHE_HOME") is { Length: > 0 } cache && Path.IsPathRooted(cache)) result.Add(Path.Combine(cache, "diffeonn"));
        else if (variable("HOME") is { Length: > 0 } home && Path.IsPathRooted(home)) result.Add(Path.Combine(home, ".cache", "diffeonn"));
        result.Add(Path.Combine(Path.GetTempPath(), $"diffeonn-{LibC.EffectiveUser()}"));
        return result;
    }

    /// <summary>Makes sure that a file of the given name and content lies in the first folder that can hold it.</summary>
    /// <param name="folders">To try in turn.</param>
    /// <param name="name">The file's name.</param>
    /// <param name="content">What it is to hold.</param>
    /// <param name="use">Called with its path; where the library does not load, as from a folder mounted noexec,
    /// the next folder is tried.</param>
    /// <returns>Its full path.</returns>
    /// <exception cref="NativeLibraryException">No folder can be written, others could write it,
    /// or the file is of no use in any of them.</exception>
    public static string Store(IReadOnlyList<string> folders, string name, ReadOnlySpan<byte> content, Action<string>? use = null)
    {
        List<string> problems = [];
        foreach (var folder in folders)
        {
            try
            {
                Prepare(folder);
                var path = Store(folder, name, content);
                use?.Invoke(path);
                return path;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                problems.Add(e.Message.TrimEnd('.'));
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                // The last line is the dynamic linker's, which names the file again; what stands before it is .NET's general advice.
                var reason = e.Message.Trim().Split('\n')[^1].Replace($"{Path.Combine(folder, name)}: ", "", StringComparison.Ordinal)
                    .Trim().TrimEnd('.');
                problems.Add($"from '{folder}', which may be mounted noexec, it does not load ({reason})");
            }
        }

        throw new NativeLibraryException(
            $"No folder to keep '{name}' in: {string.Join("; ", problems)}. "
            + $"Set {Variable} to a folder that you own, that nobody else can write and that is not mounted noexec.");
    }

    private static void Prepare(string folder)
    {
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException("Only Linux needs this folder.");
        if (!Directory.Exists(folder)) Directory.CreateDirectory(folder, OwnerOnly);
        var (owner, user) = (LibC.Owner(folder), LibC.EffectiveUser());
        if (owner != user) throw new IOException($"'{folder}' belongs to user {owner}, not to {user}");
        var mode = File.GetUnixFileMode(folder);
        if ((mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            throw new IOException($"others can write '{folder}' (mode {Convert.ToString((int)mode, 8)}, expected 700)");
    }

    private static string Store(string folder, string name, ReadOnlySpan<byte> content)
    {
        var path = Path.Combine(folder, name);
        if (Holds(path, content)) return path;
        var draft = Path.Combine(folder, $".{name}.{Guid.NewGuid():N}");
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
            using (var stream = new FileStream(draft, options))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            // A process that has the old file loaded keeps it: a rename replaces the name, not the content.
            File.Move(draft, path, overwrite: true);
        }
        catch
        {
            File.Delete(draft);
            throw;
        }

        return Holds(path, content) ? path : throw new IOException($"'{path}' does not hold what was just written");
    }

    private static bool Holds(string path, ReadOnlySpan<byte> content) =>
        new FileInfo(path) is { Exists: true } file && file.Length == content.Length
            && File.ReadAllBytes(path).AsSpan().SequenceEqual(content);
}
