namespace DiffeoNN.Onnx.Mutation;

/// <summary>A copy of the tests' output in which the library is another one; native files are links.</summary>
internal sealed class Workplace : IDisposable
{
    /// <summary>The library's assembly, and its folder below src.</summary>
    public const string Library = MutantSwitch.Namespace;

    private const string Tests = $"{Library}.Tests";

    /// <summary>Copies the output of a build.</summary>
    /// <param name="root">The repository.</param>
    /// <exception cref="FormatException">The tests are not built.</exception>
    public Workplace(string root)
    {
        var output = Path.Combine(root, "tests", Tests, "bin", "Release");
        var built = Directory.Exists(output)
            ? Directory.EnumerateFiles(output, $"{Tests}.dll", SearchOption.AllDirectories).OrderByDescending(File.GetLastWriteTimeUtc)
                .FirstOrDefault()
            : null;
        Source = Path.GetDirectoryName(built) ?? throw new FormatException(
            $"'{output}' holds no {Tests}.dll; build the tests first (dotnet build -c Release).");
        // Tests find the repository above the folder they run in.
        Folder = Path.Combine(root, "artifacts", "mutation", $"{Environment.ProcessId}");
        foreach (var file in Directory.EnumerateFiles(Source, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(Source, file);
            var copy = Path.Combine(Folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            if (new FileInfo(file).Length > 8 << 20)
                File.CreateSymbolicLink(copy, file);
            else if (name != $"{Library}.dll")
                File.Copy(file, copy);
        }

        var own = typeof(Workplace).Assembly.Location;
        File.Copy(own, Path.Combine(Folder, Path.GetFileName(own)));
        File.Delete(Path.Combine(Folder, $"{Library}.dll"));
        Command =
        [
            "exec", "--depsfile", Path.Combine(Folder, $"{Tests}.deps.json"),
            "--runtimeconfig", Path.Combine(Folder, $"{Tests}.runtimeconfig.json"), Path.Combine(Folder, Path.GetFileName(own)),
        ];
    }

    /// <summary>The tests' output.</summary>
    public string Source { get; }

    /// <summary>Its copy.</summary>
    public string Folder { get; }

    /// <summary>Arguments of <c>dotnet</c> that start this program in the copy.</summary>
    public IReadOnlyList<string> Command { get; }

    /// <summary>The library as it was built.</summary>
    public string Original => Path.Combine(Source, $"{Library}.dll");

    /// <summary>The library that tests see.</summary>
    public string Instrumented => Path.Combine(Folder, $"{Library}.dll");

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
