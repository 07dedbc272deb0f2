using System.Globalization;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.Data;

/// <summary>Generated shapes of 128x128 pixels; the splits are those of <see cref="ShapesDataSet"/>.</summary>
internal sealed class ShapesData : IEvaluationData
{
    private const int DefaultCount = 500;
    private readonly EvaluationTask _task;
    private readonly ulong _set;
    private readonly int[] _indices;

    /// <summary>Lists the shapes.</summary>
    /// <exception cref="DataException">There is no such split or source.</exception>
    public ShapesData(EvaluationTask task, EvaluationSelection selection)
    {
        _task = task;
        Split = selection.Split ?? "test";
        Source = selection.Source;
        if (Split is not ("train" or "val" or "test") || Source is not (null or ShapesDataSet.Source))
            throw new DataException($"'{Name}' has no image {ImageFolder.Asked(Split, Source)}. Splits: 'train', 'val', 'test'. Sources: "
                + $"'{ShapesDataSet.Source}'.");
        // Far from the seeds of training data, which are small numbers.
        _set = unchecked(selection.Seed * 1_000_003);
        _indices = [
            .. Enumerable.Range(0, int.MaxValue).Where(i => ShapesDataSet.SplitOf(i) == Split).Take(selection.Count ?? DefaultCount)];
    }

    /// <inheritdoc/>
    public string Name => EvaluationData.Shapes;

    /// <inheritdoc/>
    public string? Split { get; }

    /// <inheritdoc/>
    public string? Source { get; }

    /// <inheritdoc/>
    public int Count => _indices.Length;

    /// <inheritdoc/>
    public EvaluationSample Read(int index)
    {
        var (image, mask) = ShapesGenerator.Generate(_set, _indices[index]);
        _task.RequireChannels(image, Name);
        return new EvaluationSample(string.Create(CultureInfo.InvariantCulture, $"shape-{_indices[index]:D5}"), image,
            _task.IsAgreement ? null : LabelMap.FromImage(mask), null);
    }
}
