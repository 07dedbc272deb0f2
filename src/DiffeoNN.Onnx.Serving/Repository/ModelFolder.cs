using System.Globalization;
using DiffeoNN.Onnx.Bundles;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>Reads what lies in a repository's folder.</summary>
/// <remarks>A model is <c>NAME/</c> with a bundle or an ONNX file in it, <c>NAME/VERSION/</c> with one in each version (whole numbers from
/// 1 on), or <c>NAME.onnx</c>. Without versions it is version 1. Names that begin with a dot are passed over, as are other files.</remarks>
public static class ModelFolder
{
    private const string Extension = ".onnx";

    /// <summary>All versions of all models, by name and rising version.</summary>
    /// <param name="folder">The repository.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public static IReadOnlyList<ModelSource> List(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var found = new List<ModelSource>();
        foreach (var path in Directory.EnumerateFileSystemEntries(folder))
        {
            var name = Path.GetFileName(path);
            if (name.StartsWith('.')) continue;
            if (Directory.Exists(path)) found.AddRange(InFolder(name, path));
            else if (name.EndsWith(Extension, StringComparison.Ordinal))
                found.Add(new ModelSource(Path.GetFileNameWithoutExtension(name), 1, Path.GetFullPath(path)));
        }

        return
        [
            .. found.GroupBy(source => (source.Name, source.Version))
                .Select(same => same.Count() == 1 ? same.First() : same.First() with
                {
                    Problem = $"'{same.Key.Name}' is both a file and a folder of the repository; keep one of them.",
                })
                .OrderBy(source => source.Name, StringComparer.Ordinal).ThenBy(source => source.Version),
        ];
    }

    private static IEnumerable<ModelSource> InFolder(string name, string folder)
    {
        var versions = Directory.EnumerateDirectories(folder)
            .Select(path => (Path: path, Version: VersionOf(Path.GetFileName(path)))).Where(pair => pair.Version is not null).ToList();
        if (versions.Count == 0 || File.Exists(Path.Combine(folder, BundleManifest.FileName))) return [Source(name, 1, folder)];
        return versions.Select(pair => Source(name, pair.Version!.Value, pair.Path));
    }

    private static ModelSource Source(string name, long version, string folder)
    {
        folder = Path.GetFullPath(folder);
        if (File.Exists(Path.Combine(folder, BundleManifest.FileName)))
            return new ModelSource(name, version, folder) { IsBundle = true };
        string[] files = [.. Directory.EnumerateFiles(folder, "*" + Extension).Order(StringComparer.Ordinal)];
        var usual = Path.Combine(folder, "model" + Extension);
        return files switch
        {
            [var one] => new ModelSource(name, version, one),
            _ when files.Contains(usual) => new ModelSource(name, version, usual),
            [] => new ModelSource(name, version, folder)
            {
                Problem = $"The folder holds neither a bundle ({BundleManifest.FileName}) nor an ONNX file.",
            },
            _ => new ModelSource(name, version, folder)
            {
                Problem = $"The folder holds {files.Length} ONNX files; expected one, or one that is called model{Extension}.",
            },
        };
    }

    private static long? VersionOf(string name) =>
        name[0] is >= '1' and <= '9' && long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var version)
            ? version : null;
}
