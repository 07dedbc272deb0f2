using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The images a command line names.</summary>
/// <param name="Files">Files of kinds that are read, sorted by name.</param>
/// <param name="Others">Names of the files beside them that are of no such kind.</param>
/// <param name="Folders">Names of the folders beside them, which are not entered.</param>
internal sealed record InputFiles(IReadOnlyList<string> Files, IReadOnlyList<string> Others, IReadOnlyList<string> Folders)
{
    /// <summary>A file itself, or the images directly inside a folder but for hidden ones, sorted by name.</summary>
    /// <exception cref="ImageException">Nothing is there, or the folder holds no image.</exception>
    public static IReadOnlyList<string> List(string path) => Find(path).Files;

    /// <summary>As <see cref="List"/>, with what else lies in the folder.</summary>
    /// <exception cref="ImageException">Nothing is there, or the folder holds no image.</exception>
    public static InputFiles Find(string path)
    {
        if (File.Exists(path)) return new InputFiles([path], [], []);
        if (!Directory.Exists(path))
            throw new ImageException($"Input '{path}' does not exist; expected an image file or a folder of images.");
        var files = ImageFile.ListFolder(path);
        var others = Visible(Directory.EnumerateFiles(path).Where(file => !ImageFile.HasImageExtension(file)));
        var folders = Visible(Directory.EnumerateDirectories(path));
        if (files.Count > 0) return new InputFiles(files, others, folders);
        var found = others.Length > 0 ? $" It holds {Kinds(others)}." : "";
        var hint = folders.Contains("images") ? " Its subfolder images/ may be what you mean." : "";
        throw new ImageException($"Folder '{path}' holds no image files ({string.Join(", ", ImageFile.Extensions)}).{found}{hint}");
    }

    /// <summary>What is left out besides hidden files, in a sentence; empty where there is nothing.</summary>
    public string LeftOut() => string.Join(" ", new[]
    {
        Others.Count > 0 ? $"Of no kind that is read ({string.Join(", ", ImageFile.Extensions)}), left out: {Kinds(Others)}." : "",
        Folders.Count > 0 ? $"Not entered: {Count(Folders.Count, "folder")} ({Names(Folders)})." : "",
    }.Where(sentence => sentence.Length > 0));

    /// <summary>Names in quotes, of many the first.</summary>
    public static string Names(IReadOnlyList<string> names, int most = 10) =>
        string.Join(", ", names.Take(most).Select(name => $"'{name}'")) + (names.Count > most ? $" and {names.Count - most} more" : "");

    /// <summary>A number and what it counts.</summary>
    public static string Count(int number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";

    private static string[] Visible(IEnumerable<string> paths) =>
        [.. paths.Where(path => !ImageFile.IsHidden(path)).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private static string Kinds(IReadOnlyList<string> names) => string.Join("; ", names
        .GroupBy(name => Path.GetExtension(name).ToLowerInvariant())
        .OrderBy(kind => kind.Key, StringComparer.Ordinal)
        .Select(kind => $"{OfKind(kind.Count(), kind.Key)} ({Names([.. kind])})"));

    private static string OfKind(int number, string extension) =>
        extension.Length > 0 ? Count(number, $"{extension} file") : $"{Count(number, "file")} without extension";
}
