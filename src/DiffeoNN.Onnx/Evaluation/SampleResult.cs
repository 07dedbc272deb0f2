using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>What became of one image.</summary>
/// <param name="Index">Its number in the data; chooses its map.</param>
/// <param name="Name">Its name in the data.</param>
/// <param name="Label">Classification: the true class, or the network's own on the undeformed image where that is the reference; null for
/// segmentations.</param>
/// <param name="Clean">The network alone on the undeformed image: the ceiling.</param>
/// <param name="Naive">The network alone on the deformed image.</param>
/// <param name="Diffeonn">The canonicalised network on the deformed image.</param>
/// <param name="Augmented">The network trained with deformations on the deformed image; null where the bundle has none.</param>
/// <param name="Canonicalisation">Of the deformed image.</param>
/// <param name="EnergyGap">|E(x_c) - E((g·x)_c)|; null if it was not measured.</param>
/// <param name="EquivarianceError">Disagreement of f(g·x) and g·f(x): share of pixels of another class, 1 for another class of the
/// image, the mean difference of numbers, the mean distance of points in pixels, 1 less the mean IoU of boxes, or the root of the mean
/// squared difference of pictures; null if it was not measured.</param>
public sealed record SampleResult(
    int Index,
    string Name,
    int? Label,
    AnswerScore Clean,
    AnswerScore Naive,
    AnswerScore Diffeonn,
    AnswerScore? Augmented,
    ImageCanonicalisation Canonicalisation,
    double? EnergyGap,
    double? EquivarianceError)
{
    /// <summary>The truth and the scores in one line.</summary>
    public string Heading { get; init; } = "";

    /// <summary>The scores by method, in the order of reports; those that were run.</summary>
    public IEnumerable<KeyValuePair<string, AnswerScore>> Methods()
    {
        yield return new("clean", Clean);
        yield return new("naive", Naive);
        yield return new("diffeonn", Diffeonn);
        if (Augmented is not null) yield return new("augmented", Augmented);
    }
}
