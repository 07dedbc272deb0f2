namespace DiffeoNN.Onnx.Answers;

/// <summary>How good one answer is.</summary>
/// <param name="Values">What was measured, by name, in the order of tables.</param>
/// <param name="Metric">What the gap is measured by; more is better, so an error counts as its negative.</param>
/// <param name="Rank">What orders images from worst to best.</param>
/// <param name="Caption">The answer or its score in a few words.</param>
public sealed record AnswerScore(IReadOnlyList<KeyValuePair<string, double>> Values, double Metric, double Rank, string Caption)
{
    /// <summary>A value by its name; null where it was not measured.</summary>
    /// <param name="name">Such as <c>iou</c>.</param>
    public double? this[string name] =>
        Values.Where(value => value.Key == name).Select(value => (double?)value.Value).FirstOrDefault();

    /// <summary>Whether all values are the same.</summary>
    /// <param name="other">The other score.</param>
    public bool Equals(AnswerScore? other) => other is not null && Values.SequenceEqual(other.Values)
        && (Metric, Rank, Caption).Equals((other.Metric, other.Rank, other.Caption));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Metric, Rank, Caption);
}
