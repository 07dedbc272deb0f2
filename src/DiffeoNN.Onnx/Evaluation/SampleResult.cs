using DiffeoNN.Onnx.Canonicalisation;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>What became of one image.</summary>
/// <param name="Index">Its number in the data; chooses its map.</param>
/// <param name="Name">Its name in the data.</param>
/// <param name="Label">Classification: the true class; null for segmentations.</param>
/// <param name="Clean">The network alone on the undeformed image: the ceiling.</param>
/// <param name="Naive">The network alone on the deformed image.</param>
/// <param name="Diffeonn">The canonicalised network on the deformed image.</param>
/// <param name="Augmented">The network trained with deformations on the deformed image; null where the bundle has none.</param>
/// <param name="Canonicalisation">Of the deformed image.</param>
/// <param name="EnergyGap">|E(x_c) - E((g·x)_c)|; null if it was not measured.</param>
/// <param name="EquivarianceError">Disagreement of f(g·x) and g·f(x): share of pixels of another class, or 1 for another class of the
/// image; null if it was not measured.</param>
public sealed record SampleResult(
    int Index,
    string Name,
    int? Label,
    MethodScore Clean,
    MethodScore Naive,
    MethodScore Diffeonn,
    MethodScore? Augmented,
    ImageCanonicalisation Canonicalisation,
    double? EnergyGap,
    double? EquivarianceError)
{
    /// <summary>The scores by method, in the order of reports; those that were run.</summary>
    public IEnumerable<KeyValuePair<string, MethodScore>> Methods()
    {
        yield return new("clean", Clean);
        yield return new("naive", Naive);
        yield return new("diffeonn", Diffeonn);
        if (Augmented is not null) yield return new("augmented", Augmented);
    }
}
