using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>A folder of images with masks, labels, numbers, points or boxes; without any of it where the task is agreement, and then of
/// all splits unless one is asked for.</summary>
internal sealed class FolderData : IEvaluationData, IPartlyKnownData
{
    private const string DefaultSplit = "test";
    private readonly EvaluationTask _task;
    private readonly ImageFolder _folder;
    private readonly IReadOnlyList<ImageFolderRow> _rows;
    private readonly Lazy<MaskRules> _rules;
    private readonly TruthTable? _table;
    private readonly bool _orients;

    /// <summary>Reads the list of images, and none of them.</summary>
    /// <exception cref="DataException">Nothing is left, or masks or labels are missing altogether.</exception>
    public FolderData(string path, EvaluationTask task, EvaluationSelection selection)
    {
        (_task, _orients) = (task, selection.Orients);
        _rules = new Lazy<MaskRules>(LearnRules);
        _folder = ImageFolder.Read(path);
        if (task.Truth == TruthForm.Mask && !_folder.HasMasks)
            throw new DataException($"'{path}' has no folder masks/; the answers of a {task.Answers.Name} are compared with masks.")
                { LacksTruth = true };
        if (task.Truth == TruthForm.Points) _table = TruthTable.OfPoints(path);
        if (task.Truth == TruthForm.Boxes) _table = TruthTable.OfBoxes(path);
        Split = selection.Split ?? (!task.IsAgreement && _folder.Rows.Any(row => row.Split.Length > 0) ? DefaultSplit : null);
        Source = selection.Source;
        _rows = _folder.Select(Split, Source, selection.Count);
        if (task.Truth == TruthForm.Label) RequireColumn("label", row => row.Label);
        if (task.Truth == TruthForm.Numbers) RequireColumn("numbers", row => row.Numbers);

        void RequireColumn(string column, Func<ImageFolderRow, string?> value)
        {
            if (_rows.Any(row => value(row) is not null)) return;
            var list = Path.Combine(path, "split.csv");
            throw new DataException(File.Exists(list)
                ? $"'{list}' has no column {column}; the answers of a {task.Answers.Name} are compared with it."
                : $"'{list}' is missing; the answers of a {task.Answers.Name} are compared with its columns name and {column}.")
                { LacksTruth = true };
        }
    }

    /// <inheritdoc/>
    public string Name => _folder.Root;

    /// <inheritdoc/>
    public string? Split { get; }

    /// <inheritdoc/>
    public string? Source { get; }

    /// <inheritdoc/>
    public int Count => _rows.Count;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems => _folder.Problems;

    /// <inheritdoc/>
    public EvaluationSample Read(int index) => Read(index, isNeeded: true);

    /// <inheritdoc/>
    public EvaluationSample ReadKnown(int index) => Read(index, isNeeded: false);

    private EvaluationSample Read(int index, bool isNeeded)
    {
        var row = _rows[index];
        var path = _folder.ImagePath(row);
        var (image, orientation) = _task.ReadImage(path, _orients);
        var sample = new EvaluationSample(row.Name, image, null, null) { Orientation = orientation };
        return isNeeded || Has(row) ? WithTruth(sample, row, path) : sample;
    }

    // Of boxes an image without any has none that is true, which is known.
    private bool Has(ImageFolderRow row) => _task.Truth switch
    {
        TruthForm.Mask => File.Exists(_folder.MaskPath(row)),
        TruthForm.Label => !string.IsNullOrWhiteSpace(row.Label),
        TruthForm.Numbers => !string.IsNullOrWhiteSpace(row.Numbers),
        TruthForm.Points => _table!.Has(row.Name),
        _ => true,
    };

    private EvaluationSample WithTruth(EvaluationSample sample, ImageFolderRow row, string path) => _task.Truth switch
    {
        TruthForm.Mask => sample with { Mask = ReadMask(row, sample.Image) },
        TruthForm.Label => sample with { Label = ReadLabel(row, path) },
        TruthForm.Numbers => sample with { Numbers = ReadNumbers(row, path) },
        TruthForm.Points => sample with { Points = _table!.Points(row.Name, _task.Classes) },
        TruthForm.Boxes => sample with { Boxes = _table!.Boxes(row.Name) },
        _ => sample,
    };

    private double[] ReadNumbers(ImageFolderRow row, string path)
    {
        var numbers = (row.Numbers ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(TruthTable.Parse).ToList();
        return numbers.Count == _task.Classes && !numbers.Contains(null)
            ? [.. numbers.Select(number => number!.Value)]
            : throw new DataException(
                $"'{path}' has the numbers '{row.Numbers}' in split.csv; expected {_task.Classes}, separated by blanks.");
    }

    private LabelMap ReadMask(ImageFolderRow row, ImageBuffer image)
    {
        var path = _folder.MaskPath(row);
        if (!File.Exists(path)) throw new DataException($"'{_folder.ImagePath(row)}' has no mask; expected '{path}'.");
        var mask = MaskFile.Read(path);
        if (mask.Height != image.Height || mask.Width != image.Width)
            throw new DataException($"'{path}' is {mask.Width}x{mask.Height} pixels; its image is {image.Width}x{image.Height}.");
        return _rules.Value.Read(mask, path);
    }

    /// <summary>What the masks of the selection say together; those that cannot be read are told of when their turn comes.</summary>
    private MaskRules LearnRules()
    {
        var rules = new MaskRules(_task.Classes);
        foreach (var path in _rows.Select(_folder.MaskPath).Where(File.Exists))
        {
            try
            {
                rules.Learn(MaskFile.Read(path), path);
            }
            catch (Exception e) when (e is DataException or ImageException)
            {
            }
        }

        return rules;
    }

    private int ReadLabel(ImageFolderRow row, string path)
    {
        if (int.TryParse(row.Label, out var label) && label >= 0 && label < _task.Classes) return label;
        throw new DataException($"'{path}' has the label '{row.Label}' in split.csv; expected 0 to {_task.Classes - 1}.");
    }
}
