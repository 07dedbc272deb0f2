namespace DiffeoNN.Onnx.Evaluation;

/// <summary>All methods side by side.</summary>
/// <param name="Clean">The network alone on undeformed images: the ceiling.</param>
/// <param name="Naive">The network alone on deformed images.</param>
/// <param name="Diffeonn">The canonicalised network on deformed images.</param>
/// <param name="Augmented">The network trained with deformations on deformed images; null where the bundle has none.</param>
public sealed record MethodSummaries(MethodSummary Clean, MethodSummary Naive, MethodSummary Diffeonn, MethodSummary? Augmented)
{
    /// <summary>The methods by name, in the order of reports; those that were run.</summary>
    public IEnumerable<KeyValuePair<string, MethodSummary>> Present()
    {
        yield return new("clean", Clean);
        yield return new("naive", Naive);
        yield return new("diffeonn", Diffeonn);
        if (Augmented is not null) yield return new("augmented", Augmented);
    }
}
