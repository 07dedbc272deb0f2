using System.Runtime.InteropServices;

namespace DiffeoNN.Onnx.Native;

/// <summary>What <see cref="TorchLibraries"/> needs of the machine and the process, so that tests can stand in for it.</summary>
internal sealed record NativeSystem
{
    /// <summary>This process, on this machine.</summary>
    public static NativeSystem Current { get; } = new();

    /// <summary>Whether this is Linux; elsewhere there is nothing to prepare.</summary>
    public bool IsLinux { get; init; } = OperatingSystem.IsLinux();

    /// <summary>Whether the system's libstdc++ has the symbol that <see cref="ElfSymbolPatch"/> would take out.</summary>
    public Func<bool> HasNewStandardLibrary { get; init; } = static () =>
        NativeLibrary.TryLoad("libstdc++.so.6", out var library) && NativeLibrary.TryGetExport(library, ElfSymbolPatch.Symbol, out _);

    /// <summary>Reads an environment variable.</summary>
    public Func<string, string?> Variable { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>Sets an environment variable for native libraries that load later.</summary>
    public Action<string, string> SetVariable { get; init; } = static (name, value) => LibC.SetVariable(name, value);

    /// <summary>Limits the C allocator's pools.</summary>
    public Action<int> LimitArenas { get; init; } = LibC.LimitArenas;

    /// <summary>Folders that may hold native libraries, best first.</summary>
    public IReadOnlyList<string> Folders { get; init; } = SearchFolders();

    /// <summary>Loads a library by its full path for the rest of the process;
    /// throws what <see cref="NativeLibrary.Load(string)"/> throws.</summary>
    public Action<string> Load { get; init; } = static path => NativeLibrary.Load(path);

    private static string[] SearchFolders()
    {
        // The host fills this from deps.json: the output folder, runtimes/<rid>/native, package folders, where a single file was unpacked.
        var fromHost = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "").Split(
            Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        var flat = AppContext.BaseDirectory;
        var nested = Path.Combine(
            flat, "runtimes", $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}", "native");
        return [.. fromHost.Append(flat).Append(nested).Select(Path.GetFullPath).Distinct()];
    }
}
