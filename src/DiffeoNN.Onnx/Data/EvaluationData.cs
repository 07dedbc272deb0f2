using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>Opens the kinds of data that are evaluated.</summary>
public static class EvaluationData
{
    /// <summary>The name of generated shapes.</summary>
    public const string Shapes = "shapes";

    /// <summary>In words, what is scored where an <see cref="IEvaluationData.Reference"/> is
    /// <see cref="AnswerReference.Agreement"/>.</summary>
    public const string Agreement = "agreement with the network's own answers on undeformed images";

    /// <summary>
    /// Opens a folder with <c>images/</c> (segmentation: <c>masks/</c>; classification: a column <c>label</c> in <c>split.csv</c>;
    /// regression: a column <c>numbers</c> there; points: <c>points.csv</c>; boxes: <c>boxes.csv</c>), a folder with the IDX files of
    /// MNIST, or <c>shapes</c>, which are generated unless a folder of that name holds <c>images/</c>.
    /// </summary>
    /// <param name="data">Path, or <see cref="Shapes"/>.</param>
    /// <param name="task">What truth is needed.</param>
    /// <param name="selection">Which images; defaults if null.</param>
    /// <exception cref="DataException">There is no such data, it has no truth of that kind, or nothing is left of it.</exception>
    public static IEvaluationData Open(string data, EvaluationTask task, EvaluationSelection? selection = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(data);
        ArgumentNullException.ThrowIfNull(task);
        selection ??= new EvaluationSelection();
        if (Directory.Exists(Path.Combine(data, "images"))) return new FolderData(data, task, selection);
        if (MnistData.IsMnist(data))
        {
            Require(task, TruthForm.Label, data, "digits, whose label is the digit, or the number of holes");
            return new MnistData(data, task, selection);
        }

        if (data == Shapes)
        {
            Require(task, TruthForm.Mask, data, "generated shapes with masks");
            return new ShapesData(task, selection);
        }

        if (!Directory.Exists(data))
            throw new DataException($"'{data}' does not exist; data is a folder with images/, a folder with MNIST's IDX files, or "
                + $"'{Shapes}' for generated ones.");
        throw PlainImages.Files(data).Count > 0
            ? new DataException($"'{data}' holds images without the truth about them; the answers of a {task.Answers.Name} are compared "
                + $"with {Described(task.Truth)}, beside a folder images/ that the images belong into.") { LacksTruth = true }
            : new DataException($"'{data}' holds neither images/ nor MNIST's IDX files (such as {MnistData.TestImages}.gz).");
    }

    /// <summary>
    /// Opens images alone: no truth is read or demanded, as where a network's own answers are the reference. A folder with <c>images/</c>
    /// and perhaps <c>split.csv</c>, a folder of images or of folders of images (such as one a class), a folder with the IDX files of
    /// MNIST, or <c>shapes</c>.
    /// </summary>
    /// <param name="data">Path, or <see cref="Shapes"/>.</param>
    /// <param name="task">Says which channels images must be convertible to.</param>
    /// <param name="selection">Which images; of <c>split.csv</c> all rows unless a split or source is named, of MNIST and shapes the test
    /// images unless another split is. Without <c>split.csv</c>, folders are entered to any depth, and images sorted by their path; hidden
    /// files and folders are left out.</param>
    /// <exception cref="DataException">There is no such data, or nothing is left of it.</exception>
    public static IEvaluationData OpenImages(string data, EvaluationTask task, EvaluationSelection? selection = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(data);
        ArgumentNullException.ThrowIfNull(task);
        selection ??= new EvaluationSelection();
        task = task with { IsAgreement = true };
        var images = Path.Combine(data, "images");
        if (Directory.Exists(images))
            return Path.Exists(Path.Combine(data, "split.csv"))
                ? new FolderData(data, task, selection)
                : new PlainImages(data, images, task, selection);
        if (MnistData.IsMnist(data)) return new MnistData(data, task, selection);
        if (Directory.Exists(data)) return new PlainImages(data, data, task, selection);
        return data == Shapes
            ? new ShapesData(task, selection)
            : throw new DataException(
                (File.Exists(data) ? $"'{data}' is a file" : $"'{data}' does not exist")
                + $"; images are a folder of them, a folder with MNIST's IDX files, or '{Shapes}' for generated ones.");
    }

    /// <summary>Whether images of data are told apart by splits: those of MNIST, <c>shapes</c>, and a folder with <c>images/</c> whose
    /// <c>split.csv</c> names any.</summary>
    /// <param name="data">Path, or <see cref="Shapes"/>.</param>
    /// <exception cref="DataException"><c>split.csv</c> cannot be read.</exception>
    public static bool HasSplits(string data)
    {
        ArgumentException.ThrowIfNullOrEmpty(data);
        if (Directory.Exists(Path.Combine(data, "images")))
            return Path.Exists(Path.Combine(data, "split.csv")) && ImageFolder.Read(data).Rows.Any(row => row.Split.Length > 0);
        return MnistData.IsMnist(data) || (data == Shapes && !Directory.Exists(data));
    }

    /// <summary>Where a folder holds a truth.</summary>
    private static string Described(TruthForm truth) => truth switch
    {
        TruthForm.Mask => "masks/",
        TruthForm.Label => "split.csv, of the columns name and label",
        TruthForm.Numbers => "split.csv, of the columns name and numbers",
        TruthForm.Points => "points.csv, of the columns name,column,row",
        TruthForm.Boxes => "boxes.csv, of the columns name,left,top,right,bottom",
        _ => "a truth",
    };

    private static void Require(EvaluationTask task, TruthForm truth, string data, string holds)
    {
        if (task.Truth != truth)
            throw new DataException($"'{data}' holds {holds}; the bundle answers with a {task.Answers.Name}.")
                { LacksTruth = true };
    }
}
