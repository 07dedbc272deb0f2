using DiffeoNN.Onnx.Data;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Some images of a data set, in an order of their own.</summary>
/// <param name="all">The data set.</param>
/// <param name="chosen">Which of its images.</param>
internal sealed class ChosenImages(IEvaluationData all, int[] chosen) : IEvaluationData
{
    /// <inheritdoc/>
    public string Name => all.Name;

    /// <inheritdoc/>
    public string? Split => all.Split;

    /// <inheritdoc/>
    public string? Source => all.Source;

    /// <inheritdoc/>
    public int Count => chosen.Length;

    /// <inheritdoc/>
    public EvaluationSample Read(int index) => all.Read(chosen[index]);
}
