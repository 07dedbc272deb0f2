namespace DiffeoNN.Onnx.Evaluation;

/// <summary>An evaluation.</summary>
/// <param name="Summary">Over all images.</param>
/// <param name="Samples">One record an image, in the order of the data.</param>
/// <param name="Skipped">One line for each image left out.</param>
public sealed record EvaluationResult(EvaluationSummary Summary, IReadOnlyList<SampleResult> Samples, IReadOnlyList<string> Skipped)
{
    /// <summary>Images from the worst answer of the canonicalised network to the best; equals in the order of the data.</summary>
    public IReadOnlyList<SampleResult> Ranked() => [.. Samples.OrderBy(sample => sample.Diffeonn.Rank).ThenBy(sample => sample.Index)];
}
