using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>The images of a folder and of the folders inside it, without any truth.</summary>
internal sealed class PlainImages : IEvaluationData
{
    private readonly EvaluationTask _task;
    private readonly string _root;
    private readonly List<string> _files;
    private readonly bool _orients;

    /// <summary>Lists the images, and reads none.</summary>
    /// <param name="name">As reports name the data.</param>
    /// <param name="root">Where they lie.</param>
    /// <param name="task">Says which channels are needed.</param>
    /// <param name="selection">No split and no source, for there are none.</param>
    /// <exception cref="DataException">There is no image, a folder cannot be listed, or a split or source is asked for.</exception>
    public PlainImages(string name, string root, EvaluationTask task, EvaluationSelection selection)
    {
        (Name, _root, _task, _orients) = (name, root, task, selection.Orients);
        if (selection.Split is not null || selection.Source is not null)
        {
            throw new DataException(
                $"'{name}' has no image {ImageFolder.Asked(selection.Split, selection.Source)}: images without split.csv have neither "
                + "splits nor sources. Ask for none, or write split.csv beside a folder images/.");
        }

        _files = Files(root);
        if (_files.Count == 0)
        {
            throw new DataException(
                $"'{root}' and the folders in it hold no images ({string.Join(", ", ImageFile.Extensions)}); hidden ones do not count.");
        }

        if (selection.Count is { } most && most < _files.Count) _files.RemoveRange(most, _files.Count - most);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string? Split => null;

    /// <inheritdoc/>
    public string? Source => null;

    /// <inheritdoc/>
    public int Count => _files.Count;

    /// <summary>Reads an image.</summary>
    /// <param name="index">In [0, Count).</param>
    /// <returns>Named by its path inside the folder, with forward slashes.</returns>
    /// <exception cref="ImageException">It cannot be read, is too small, or does not fit the task.</exception>
    public EvaluationSample Read(int index)
    {
        var path = _files[index];
        var (image, orientation) = _task.ReadImage(path, _orients);
        return new EvaluationSample(Relative(_root, path), image, null, null) { Orientation = orientation };
    }

    /// <summary>Paths of all images, sorted by the names that samples have; each folder is entered once, however many links lead
    /// there.</summary>
    /// <exception cref="DataException">A folder cannot be listed.</exception>
    public static List<string> Files(string root)
    {
        var found = new List<string>();
        var entered = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            Enter(root);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"'{root}' cannot be listed: {e.Message}", e);
        }

        return [.. found.OrderBy(file => Relative(root, file), StringComparer.Ordinal)];

        void Enter(string folder)
        {
            if (!entered.Add(RealPath.Of(folder))) return;
            found.AddRange(ImageFile.ListFolder(folder));
            // Folders before links to them, so that images have the names of where they lie.
            foreach (var inner in Directory.EnumerateDirectories(folder).Where(inner => !ImageFile.IsHidden(inner))
                .OrderBy(inner => new DirectoryInfo(inner).LinkTarget is not null).ThenBy(inner => inner, StringComparer.Ordinal))
            {
                Enter(inner);
            }
        }
    }

    private static string Relative(string root, string path) => Path.GetRelativePath(root, path).Replace(Path.DirectorySeparatorChar, '/');
}
