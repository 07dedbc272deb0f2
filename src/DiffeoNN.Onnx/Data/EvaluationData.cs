using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>Opens the kinds of data that are evaluated.</summary>
public static class EvaluationData
{
    /// <summary>The name of generated shapes.</summary>
    public const string Shapes = "shapes";

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
            Require(task, TruthForm.Label, data, "digits, whose label is the number of holes");
            return new MnistData(data, task, selection);
        }

        if (data == Shapes)
        {
            Require(task, TruthForm.Mask, data, "generated shapes with masks");
            return new ShapesData(task, selection);
        }

        throw new DataException(
            Directory.Exists(data)
                ? $"'{data}' holds neither images/ nor MNIST's IDX files (such as {MnistData.TestImages}.gz)."
                    + (ImageFile.ListFolder(data).Count > 0 ? " Its images belong into a folder images/ inside it." : "")
                : $"'{data}' does not exist; data is a folder with images/, a folder with MNIST's IDX files, or "
                    + $"'{Shapes}' for generated ones.");
    }

    private static void Require(EvaluationTask task, TruthForm truth, string data, string holds)
    {
        if (task.Truth != truth)
            throw new DataException($"'{data}' holds {holds}; the bundle answers with a {task.Answers.Name}.");
    }
}
