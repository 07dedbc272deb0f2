using System.Text;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>
/// A folder of images for training and evaluation: <c>images/NAME</c>, optionally <c>masks/</c> of the same names or with .png instead of
/// the extension, optionally
/// <c>split.csv</c> with the column name and, as far as they are needed, split, source, label, the class of the whole image, and numbers of
/// the whole image.
/// </summary>
public sealed class ImageFolder
{
    private const string SplitFile = "split.csv";
    private static readonly char[] OtherSeparators = [';', '\t', '|'];

    private ImageFolder(string path, IReadOnlyList<ImageFolderRow> rows, IReadOnlyList<string> problems, bool hasMasks)
    {
        Root = path;
        Rows = rows;
        Problems = problems;
        HasMasks = hasMasks;
    }

    /// <summary>The folder, as it was given.</summary>
    public string Root { get; }

    /// <summary>Whether there is a folder of masks.</summary>
    public bool HasMasks { get; }

    /// <summary>The images in the order of split.csv, or sorted by name without one.</summary>
    public IReadOnlyList<ImageFolderRow> Rows { get; }

    /// <summary>What is wrong with lines of split.csv that make no row.</summary>
    internal IReadOnlyList<string> Problems { get; }

    /// <summary>Opens a folder; reads split.csv and names, no image.</summary>
    /// <param name="path">Folder that holds <c>images/</c>.</param>
    /// <exception cref="DataException">
    /// The folder or images/ is missing or empty, split.csv is malformed, or a row names an image or mask that is not there.
    /// </exception>
    public static ImageFolder Open(string path)
    {
        var folder = Read(path);
        if (folder.Problems.Count > 0) throw new DataException(folder.Problems[0]);
        foreach (var row in folder.Rows)
        {
            if (!File.Exists(folder.ImagePath(row)))
                throw new DataException($"'{folder.ImagePath(row)}' is missing; {SplitFile} names it.");
            if (folder.HasMasks && !File.Exists(folder.MaskPath(row)))
                throw new DataException(
                    $"'{folder.MaskPath(row)}' is missing; every image needs a mask of its name, or leave out masks/.");
        }

        return folder;
    }

    /// <summary>Opens a folder without looking whether the images and masks of its rows are there; malformed lines become
    /// <see cref="Problems"/>.</summary>
    /// <exception cref="DataException">The folder or images/ is missing or empty, or split.csv has no usable header or row.</exception>
    internal static ImageFolder Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string images = Path.Combine(path, "images"), split = Path.Combine(path, SplitFile);
        if (!Directory.Exists(images))
            throw new DataException($"'{path}' has no folder images/; data is images/ with optional masks/ and {SplitFile}.");
        if (Directory.Exists(split)) throw new DataException($"'{split}' is a folder; expected a file, or nothing of that name.");
        var problems = new List<string>();
        var rows = File.Exists(split) ? ReadSplit(split, problems) : ListImages(images);
        return rows.Count > 0
            ? new ImageFolder(path, rows, problems, Directory.Exists(Path.Combine(path, "masks")))
            : throw new DataException(
                problems.FirstOrDefault() ?? (File.Exists(split) ? $"'{split}' names no images." : $"'{images}' holds no images."));
    }

    /// <summary>The rows of a split and source, at most a count of them.</summary>
    /// <param name="split">Split to keep; null keeps all.</param>
    /// <param name="source">Source to keep; null keeps all.</param>
    /// <param name="count">Most rows, from the start; null for all.</param>
    /// <exception cref="DataException">Nothing is left; the message lists what there is.</exception>
    public IReadOnlyList<ImageFolderRow> Select(string? split, string? source, int? count = null)
    {
        var matching = Rows.Where(row => (split is null || row.Split == split) && (source is null || row.Source == source));
        var chosen = matching.Take(count ?? int.MaxValue).ToList();
        if (chosen.Count > 0) return chosen;
        var other = Rows.Select(row => row.Split).FirstOrDefault(name => name.Length > 0 && name != split, "");
        var hint = split is not null && source is null && other.Length > 0 ? $" Take another one, for instance by --split {other}." : "";
        throw new DataException(
            $"'{Root}' has no image {Asked(split, source)}. "
            + $"Splits: {Known(Rows.Select(row => row.Split))}. Sources: {Known(Rows.Select(row => row.Source))}.{hint}");
    }

    /// <summary>What was asked for, as messages put it: of split 'S' and source 'T', or one of them.</summary>
    internal static string Asked(string? split, string? source) => string.Join(
        " and ",
        new[] { split is null ? "" : $"of split '{split}'", source is null ? "" : $"of source '{source}'" }.Where(part => part.Length > 0));

    private static string Known(IEnumerable<string> names)
    {
        var known = string.Join(", ", names.Distinct().Where(name => name.Length > 0).Select(name => $"'{name}'"));
        return known.Length > 0 ? known : $"none, for want of such a column in {SplitFile}";
    }

    /// <summary>Path of a row's image.</summary>
    /// <param name="row">One of <see cref="Rows"/>.</param>
    public string ImagePath(ImageFolderRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        return Path.Combine(Root, "images", row.Name);
    }

    /// <summary>Path of a row's mask: of the image's name, or, where there is only that, with .png instead of its extension;
    /// exists only where <see cref="HasMasks"/>.</summary>
    /// <param name="row">One of <see cref="Rows"/>.</param>
    public string MaskPath(ImageFolderRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        string same = Path.Combine(Root, "masks", row.Name), png = Path.ChangeExtension(same, ".png");
        return !File.Exists(same) && File.Exists(png) ? png : same;
    }

    /// <summary>Writes split.csv whole, with columns of labels and numbers where a row has them.</summary>
    /// <param name="path">The data folder.</param>
    /// <param name="rows">Rows in order.</param>
    /// <exception cref="OutputException">The file cannot be written.</exception>
    public static void WriteSplit(string path, IEnumerable<ImageFolderRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ImageFolderRow[] all = [.. rows];
        bool labelled = all.Any(row => row.Label is not null), numbered = all.Any(row => row.Numbers is not null);
        var text = new StringBuilder($"name,split,source{(labelled ? ",label" : "")}{(numbered ? ",numbers" : "")}\n");
        foreach (var row in all)
        {
            List<string> fields = [row.Name, row.Split, row.Source];
            if (labelled) fields.Add(row.Label ?? "");
            if (numbered) fields.Add(row.Numbers ?? "");
            text.AppendJoin(',', fields.Select(CsvText.Quote)).Append('\n');
        }

        AtomicFile.WriteText(Path.Combine(path, SplitFile), text.ToString());
    }

    private static List<ImageFolderRow> ListImages(string images) =>
        [.. ImageFile.ListFolder(images).Select(file => new ImageFolderRow(Path.GetFileName(file), "", ""))];

    private static List<ImageFolderRow> ReadSplit(string file, List<string> problems)
    {
        var table = ReadTable(file);
        var header = table.Count == 0 ? [] : table[0].Fields;
        if (table.Count > 0 && table[0].Problem is { } bad) throw new DataException($"'{file}' {bad}");
        if (header.GroupBy(column => column).FirstOrDefault(group => group.Key.Length > 0 && group.Count() > 1) is { } twice)
            throw new DataException($"'{file}' has the column '{twice.Key}' {twice.Count()} times; expected each once.");
        int name = At("name"), split = At("split"), source = At("source"), label = At("label"), numbers = At("numbers");
        if (name < 0)
        {
            throw new DataException(
                $"'{file}' starts with '{string.Join(',', header)}'; "
                + $"expected the columns name,split,source or name,split,label, of which name is needed.{Hint(header)}");
        }

        var rows = new List<ImageFolderRow>();
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var row in table.Skip(1))
        {
            if (row.Problem is not null || row.Fields.Count != header.Count)
            {
                problems.Add($"'{file}' {row.Problem ?? $"line {row.Line} has {row.Fields.Count} fields; the header has {header.Count}."}");
                continue;
            }

            var image = row.Fields[name];
            if (image.Length == 0 || Path.GetFileName(image) != image || image.Contains('\0', StringComparison.Ordinal))
                problems.Add($"'{file}' line {row.Line} names '{image.Replace("\0", "\\0", StringComparison.Ordinal)}'; expected a file "
                    + "name in images/, without folders.");
            else if (!known.TryAdd(image, row.Line))
                problems.Add($"'{file}' line {row.Line} names '{image}' again, after line {known[image]}.");
            else
            {
                rows.Add(new ImageFolderRow(image, Field(row, split) ?? "", Field(row, source) ?? "")
                {
                    Label = Field(row, label), Numbers = Field(row, numbers),
                });
            }
        }

        return rows;

        int At(string column) => header.ToList().IndexOf(column);
        static string? Field(CsvRow row, int column) => column < 0 ? null : row.Fields[column];
    }

    /// <summary>What is probably wrong with a header without name; empty where nothing is known.</summary>
    private static string Hint(IReadOnlyList<string> header)
    {
        if (header.Any(column => string.Equals(column, "name", StringComparison.OrdinalIgnoreCase))) return " Write them in lower case.";
        return header is [var only] && only.IndexOfAny(OtherSeparators) is >= 0 and var at
            ? $" Separate them by commas, not by {(only[at] == '\t' ? "tabs" : $"'{only[at]}'")}."
            : "";
    }

    private static List<CsvRow> ReadTable(string file)
    {
        try
        {
            return CsvText.Read(RegularFile.ReadAllText(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new DataException($"'{file}' cannot be read: {e.Message}", e);
        }
    }
}
