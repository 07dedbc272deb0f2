using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Data;

/// <summary>A selection of undeformed images with their truth, read one at a time.</summary>
public interface IEvaluationData
{
    /// <summary>The data as reports name it.</summary>
    string Name { get; }

    /// <summary>The split that was chosen; null where the data has none.</summary>
    string? Split { get; }

    /// <summary>The source that was chosen; null for all.</summary>
    string? Source { get; }

    /// <summary>Number of images, at least 1.</summary>
    int Count { get; }

    /// <summary>One line for each entry of the data's own list that names no image, such as a malformed line of split.csv.</summary>
    IReadOnlyList<string> Problems => [];

    /// <summary>What samples hold as the truth.</summary>
    AnswerReference Reference => AnswerReference.Truth;

    /// <summary>Reads an image and its truth; the same index gives the same sample.</summary>
    /// <param name="index">In [0, Count).</param>
    /// <exception cref="ImageException">The image cannot be read or is too small; names the file.</exception>
    /// <exception cref="DataException">Its truth is missing, of another size or out of range; names the file.</exception>
    EvaluationSample Read(int index);
}
