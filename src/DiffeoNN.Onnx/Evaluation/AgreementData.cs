using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>Images whose truth is what a model's network alone answers on them, undeformed: scores then say how far answers on deformed
/// images agree with it, for which no labels are needed.</summary>
/// <remarks>Answers are kept up to 256 MB, and asked for again beyond that. Not for several threads at once.</remarks>
public sealed class AgreementData : IEvaluationData
{
    private readonly EquivariantModel _model;
    private readonly IEvaluationData _images;
    private readonly Dictionary<int, Truth> _kept = [];
    private long _free;

    /// <summary>Asks nothing yet.</summary>
    /// <param name="model">Stays the caller's, and is needed as long as samples are read.</param>
    /// <param name="images">Such as <see cref="EvaluationData.OpenImages"/> gives; a truth they have is not looked at.</param>
    public AgreementData(EquivariantModel model, IEvaluationData images)
        : this(model, images, mostBytes: 256L << 20)
    {
    }

    /// <summary>As the other, with another bound of what is kept.</summary>
    internal AgreementData(EquivariantModel model, IEvaluationData images, long mostBytes)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(images);
        (_model, _images, _free) = (model, images, mostBytes);
    }

    /// <inheritdoc/>
    public string Name => _images.Name;

    /// <inheritdoc/>
    public string? Split => _images.Split;

    /// <inheritdoc/>
    public string? Source => _images.Source;

    /// <inheritdoc/>
    public int Count => _images.Count;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems => _images.Problems;

    /// <inheritdoc/>
    public AnswerReference Reference => AnswerReference.Agreement;

    /// <summary>How many answers are kept.</summary>
    internal int Kept => _kept.Count;

    /// <summary>Reads an image, and asks the network about it unless its answer is kept.</summary>
    /// <param name="index">In [0, Count).</param>
    /// <exception cref="ImageException">The image cannot be read, is too small, or does not fit the bundle.</exception>
    /// <exception cref="DataException">The data refuse it.</exception>
    public EvaluationSample Read(int index)
    {
        var sample = _images.Read(index);
        if (_kept.TryGetValue(index, out var known)) return sample.WithTruth(known);
        var answer = _model.RunNaive([sample.Image])[0];
        var truth = AnswerKinds.Of(answer.Kind).TruthOf(answer);
        if (truth.Bytes <= _free)
        {
            _free -= truth.Bytes;
            _kept.Add(index, truth);
        }

        return sample.WithTruth(truth);
    }
}
