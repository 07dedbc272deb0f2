using System.Text.Json;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Cli.Web;

/// <summary>ONNX Runtime's files for browsers: the package onnxruntime-web of npm, as it was installed.</summary>
internal sealed class WebRuntime
{
    /// <summary>Where a page has them.</summary>
    public const string Folder = "ort";

    private const string Package = "onnxruntime-web";
    private const string Licence = "LICENSE.txt";
    private const string LicenceResource = "onnxruntime-web.LICENSE.txt";

    // WebAssembly alone; the package has ten times as much for other ways to compute.
    private static readonly string[] Files = ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];

    private readonly string _files;
    private readonly string _version;

    private WebRuntime(string files, string version) => (_files, _version) = (files, version);

    /// <summary>Finds the package.</summary>
    /// <param name="said">Its folder; null for node_modules here or in a folder above.</param>
    /// <exception cref="UsageException">It is not there, or lacks a file.</exception>
    public static WebRuntime Find(string? said)
    {
        var start = Directory.GetCurrentDirectory();
        var package = said ?? Above(start).Select(folder => Path.Combine(folder, "node_modules", Package)).FirstOrDefault(Directory.Exists)
            ?? throw new UsageException(
                $"Package {Package} was not found: there is no node_modules/{Package} in '{start}' nor above. Install it "
                + $"('npm install {Package}'), or say where it is (--runtime).");
        var description = Path.Combine(package, "package.json");
        var (name, version) = Described(description);
        if (name != Package)
        {
            throw new UsageException(
                $"'{package}' is not package {Package}: {description} {(name is null ? "is missing or no JSON" : $"is of '{name}'")}.");
        }

        var files = Path.Combine(package, "dist");
        if (Files.FirstOrDefault(file => !File.Exists(Path.Combine(files, file))) is { } missing)
        {
            throw new UsageException(
                $"'{files}' lacks {missing}; package {Package} {version} is not one that this program knows. Known: 1.20 to 1.30.");
        }

        return new WebRuntime(files, version ?? "");
    }

    /// <summary>Copies the files into a page's folder, with their licence.</summary>
    public void CopyTo(string folder)
    {
        foreach (var file in Files)
        {
            AtomicFile.Write(Path.Combine(folder, Folder, file), target =>
            {
                using var source = File.OpenRead(Path.Combine(_files, file));
                source.CopyTo(target);
            });
        }

        using var text = new StreamReader(typeof(WebRuntime).Assembly.GetManifestResourceStream(LicenceResource)!);
        AtomicFile.WriteText(Path.Combine(folder, Folder, Licence), $"{Package} {_version}\n\n{text.ReadToEnd()}");
    }

    private static (string? Name, string? Version) Described(string file)
    {
        try
        {
            var description = JsonNode.Parse(File.ReadAllBytes(file));
            return ((string?)description?["name"], (string?)description?["version"]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            return (null, null);
        }
    }

    private static IEnumerable<string> Above(string folder)
    {
        for (var one = new DirectoryInfo(folder); one is not null; one = one.Parent) yield return one.FullName;
    }
}
