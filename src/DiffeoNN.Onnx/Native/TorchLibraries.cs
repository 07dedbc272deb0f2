using System.Security.Cryptography;

namespace DiffeoNN.Onnx.Native;

/// <summary>Loads libtorch and TorchSharp's native library where the system's libstdc++ is too old for the latter as shipped.</summary>
internal static class TorchLibraries
{
    /// <summary>Environment variable that names another folder to take libtorch from.</summary>
    public const string Variable = "DIFFEONN_LIBTORCH";

    private const string Bridge = "libLibTorchSharp.so";

    /// <summary>In the order of their dependencies. Those with a star or for CUDA are not in every build of libtorch.</summary>
    private static readonly (string Pattern, bool Required)[] Libtorch =
    [
        ("libgomp*.so*", false), ("libc10.so", true), ("libtorch_cpu.so", true),
        ("libc10_cuda.so", false), ("libtorch_cuda.so", false), ("libtorch.so", true),
    ];

    /// <summary>Tensors are made and freed by many threads in turn. With a pool for each, as glibc has by default,
    /// what one thread freed stays resident while another asks for more:
    /// 800 MB instead of 600 MB after 300 canonicalisations of a batch of 4.</summary>
    private const int Arenas = 2;

    /// <summary>Does what this system needs before TorchSharp is first used.</summary>
    /// <returns>What was done, one sentence.</returns>
    /// <exception cref="NativeLibraryException">A library is missing, cannot be patched, kept or loaded.</exception>
    public static string Prepare(NativeSystem system)
    {
        if (!system.IsLinux) return "Nothing to do: only Linux may need it.";
        LetIdleThreadsSleep(system);
        if (system.Variable("MALLOC_ARENA_MAX") is null) system.LimitArenas(Arenas);
        var chosen = system.Variable(Variable) is { Length: > 0 } named ? Path.GetFullPath(named) : null;
        var isNew = system.HasNewStandardLibrary();
        if (isNew && chosen is null) return $"Nothing to do: libstdc++ has {ElfSymbolPatch.Version}.";

        var bridge = Find(system, Bridge)
            ?? throw Missing(Bridge, system.Folders,
                "the package TorchSharp puts it into the output folder; build for this platform, or publish with its runtime identifier");
        if (chosen is not null)
        {
            // The folder first: whoever mistyped it must not be told to delete a library.
            RequireWhole(chosen);
            RefuseSecondCopy(system, chosen);
        }

        var libtorch = chosen ?? Path.GetDirectoryName(Find(system, "libtorch_cpu.so")
            ?? throw Missing("libtorch_cpu.so", system.Folders,
                $"reference the package TorchSharp-cpu, or set {Variable} to the folder of another libtorch"))!;
        foreach (var (pattern, required) in Libtorch)
        {
            var files = Directory.Exists(libtorch) ? Directory.GetFiles(libtorch, pattern) : [];
            if (files.Length == 0 && required)
                throw Missing(pattern, [libtorch], "restore the package libtorch-cpu-linux-x64 again");
            foreach (var file in files.Order(StringComparer.Ordinal)) Load(system, file);
        }

        var loaded = isNew ? bridge : LoadPatched(system, bridge);
        if (isNew) Load(system, bridge);
        return $"Loaded libtorch from {libtorch} and {loaded}"
            + $"{(isNew ? "" : $", patched because libstdc++ lacks {ElfSymbolPatch.Version}")}.";
    }

    private static void RequireWhole(string chosen)
    {
        if (!Directory.Exists(chosen))
        {
            throw new NativeLibraryException(
                $"{Variable} names '{chosen}', and there is no such folder; it must name a folder with all of libtorch, or be unset.");
        }

        if (Libtorch.FirstOrDefault(library => library.Required && Directory.GetFiles(chosen, library.Pattern).Length == 0)
            is { Pattern: { } pattern })
            throw Missing(pattern, [chosen], $"{Variable} must name a folder with all of libtorch, or be unset");
    }

    /// <summary>TorchSharp loads the libtorch beside the program by full path, whatever is loaded already,
    /// and two copies abort the process.</summary>
    private static void RefuseSecondCopy(NativeSystem system, string chosen)
    {
        foreach (var name in new[] { "libtorch_cpu.so", "libtorch_cuda.so" })
        {
            var theirs = Path.Combine(chosen, name);
            if (Find(system, name) is not { } own || (File.Exists(theirs) && LibC.IsSameFile(own, theirs))) continue;
            throw new NativeLibraryException(
                $"{Variable} names '{chosen}', but TorchSharp would load '{own}' as well, and two copies of libtorch cannot be in one "
                + $"process. Delete that file or replace it by a link to '{theirs}'.");
        }
    }

    /// <summary>
    /// libtorch's threads are those of OpenMP, which by default spin for milliseconds after each loop and so take the cores from ONNX
    /// Runtime, and from each other where the machine is shared. OpenMP reads this once, when it loads; the user's own choice stands.
    /// </summary>
    private static void LetIdleThreadsSleep(NativeSystem system)
    {
        if (system.Variable("OMP_WAIT_POLICY") is null && system.Variable("GOMP_SPINCOUNT") is null)
            system.SetVariable("OMP_WAIT_POLICY", "passive");
    }

    /// <summary>Loads the patched copy of a library, made if it is not there yet, from the first folder that it loads from.</summary>
    private static string LoadPatched(NativeSystem system, string library)
    {
        byte[] source, patched;
        try
        {
            source = File.ReadAllBytes(library);
            patched = ElfSymbolPatch.Apply(source);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NativeLibraryException($"'{library}' cannot be read: {e.Message}", e);
        }
        catch (InvalidDataException e)
        {
            throw new NativeLibraryException(
                $"'{library}' needs {ElfSymbolPatch.Version} of libstdc++, which this system lacks, and cannot be patched: it {e.Message}. "
                + "Use a system with GCC 13's libstdc++ or newer, or the version of TorchSharp this library was built with.",
                e);
        }

        var name = $"{Path.GetFileNameWithoutExtension(library)}-{Convert.ToHexStringLower(SHA256.HashData(source))}.so";
        return PrivateCache.Store(PrivateCache.Candidates(system.Variable), name, patched, system.Load);
    }

    private static string? Find(NativeSystem system, string name) =>
        system.Folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static void Load(NativeSystem system, string path)
    {
        try
        {
            system.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new NativeLibraryException(
                $"'{path}' does not load: {e.Message.ReplaceLineEndings(" ").Trim()} Its folder must not be mounted noexec.", e);
        }
    }

    private static NativeLibraryException Missing(string name, IEnumerable<string> folders, string cure) =>
        new($"'{name}' is in none of the folders {string.Join(", ", folders.Select(folder => $"'{folder}'"))}; {cure}.");
}
