using System.Globalization;
using DiffeoNN.Onnx.Bundles;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>Reads what lies in a repository's folder.</summary>
/// <remarks>A model is <c>NAME/</c> with a bundle or an ONNX file in it, <c>NAME/VERSION/</c> with one in each version (whole numbers from
/// 1 on), or <c>NAME.onnx</c>. Without versions it is version 1. Names that begin with a dot are passed over, and so are
/// <c>lost+found</c>, which file systems have, and other files. What cannot be read, or is no model, is told of by its
/// <see cref="ModelSource.Problem"/> and keeps nothing else from being found.</remarks>
public static class ModelFolder
{
    private const string Extension = ".onnx";
    private const string LostAndFound = "lost+found";

    /// <summary>All versions of all models, by name and rising version.</summary>
    /// <param name="folder">The repository.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be read.</exception>
    public static IReadOnlyList<ModelSource> List(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var found = new List<ModelSource>();
        foreach (var path in Directory.EnumerateFileSystemEntries(folder))
        {
            var name = Path.GetFileName(path);
            if (name.StartsWith('.') || name == LostAndFound) continue;
            if (Directory.Exists(path)) found.AddRange(Readable(name, 1, path, () => InFolder(name, path)));
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
        return versions.SelectMany(pair => Readable(
            name, pair.Version!.Value, pair.Path, () => [Source(name, pair.Version!.Value, pair.Path)]));
    }

    /// <summary>What is found in a folder; of one that cannot be read, or is deleted in this moment, that.</summary>
    private static IReadOnlyList<ModelSource> Readable(string name, long version, string folder, Func<IEnumerable<ModelSource>> find)
    {
        try
        {
            return [.. find()];
        }
        catch (Exception error) when (IsUnreadable(error))
        {
            return
            [
                new ModelSource(name, version, Path.GetFullPath(folder))
                {
                    Problem = $"The folder cannot be read: {ErrorTexts.OneLine(error.Message)}",
                },
            ];
        }
    }

    /// <summary>Whether something is not there, or may not be read.</summary>
    internal static bool IsUnreadable(Exception error) =>
        error is IOException or UnauthorizedAccessException or System.Security.SecurityException;

    /// <summary>Names, lengths and times of a version's files: another text where it has changed.</summary>
    /// <param name="source">The version.</param>
    /// <param name="repository">The repository's folder, whose other files are not the version's.</param>
    internal static string PrintOf(ModelSource source, string repository)
    {
        try
        {
            var root = Directory.Exists(source.Path) ? source.Path : Path.GetDirectoryName(source.Path)!;
            if (root == Path.TrimEndingDirectorySeparator(Path.GetFullPath(repository))) return Print(new FileInfo(source.Path));
            var all = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 4, IgnoreInaccessible = true };
            return string.Join('\n', new DirectoryInfo(root).EnumerateFiles("*", all).Select(Print).Order(StringComparer.Ordinal));
        }
        catch (Exception error) when (IsUnreadable(error))
        {
            return error.Message;
        }

        static string Print(FileInfo file)
        {
            // Of a link it is what it leads to that counts.
            var real = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            var mode = OperatingSystem.IsWindows() ? 0 : (int)real.UnixFileMode;
            return $"{file.FullName} {(real.Exists ? real.Length : -1)} {real.LastWriteTimeUtc.Ticks} {mode}";
        }
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
