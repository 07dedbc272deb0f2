using System.Text.Json;
using System.Text.Json.Serialization;
using DiffeoNN.Onnx.Answers;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>The scores of a method over all images; in JSON an object of <see cref="Values"/>.</summary>
/// <param name="Values">What was measured, by name, in the order of tables.</param>
/// <param name="Metric">What the gap is measured by; more is better, so an error counts as its negative.</param>
[JsonConverter(typeof(Writer))]
public sealed record MethodSummary(IReadOnlyList<KeyValuePair<string, MetricSummary>> Values, MetricSummary Metric)
{
    /// <summary>A value by its name; null where it was not measured.</summary>
    /// <param name="name">Such as <c>iou</c>.</param>
    public MetricSummary? this[string name] => Values.FirstOrDefault(value => value.Key == name).Value;

    /// <summary>What a column of a table shows.</summary>
    /// <param name="column">One that the kind of answer has.</param>
    public double? Of(ScoreColumn column)
    {
        ArgumentNullException.ThrowIfNull(column);
        return (this[column.Measure], column.Statistic) switch
        {
            (null, _) => null,
            ({ } value, ScoreStatistic.Std) => value.Std,
            ({ } value, ScoreStatistic.Median) => value.Median,
            ({ } value, _) => value.Mean,
        };
    }

    /// <summary>Whether all values are the same.</summary>
    /// <param name="other">The other summary.</param>
    public bool Equals(MethodSummary? other) =>
        other is not null && Values.SequenceEqual(other.Values) && Metric.Equals(other.Metric);

    /// <inheritdoc/>
    public override int GetHashCode() => Metric.GetHashCode();

    /// <summary>Summarises scores.</summary>
    /// <param name="scores">At least one, all of the same kind.</param>
    /// <param name="names">Which of their values.</param>
    internal static MethodSummary Of(IReadOnlyCollection<AnswerScore> scores, IReadOnlyList<string> names) => new(
        [.. names.Select(name => KeyValuePair.Create(name, MetricSummary.Of([.. scores.Select(score => score[name]).OfType<double>()])!))],
        MetricSummary.Of([.. scores.Select(score => score.Metric)])!);

    private sealed class Writer : JsonConverter<MethodSummary>
    {
        public override MethodSummary Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            throw new NotSupportedException("Summaries are written only.");

        public override void Write(Utf8JsonWriter writer, MethodSummary summary, JsonSerializerOptions options)
        {
            writer.WriteStartObject();
            foreach (var (name, value) in summary.Values)
            {
                writer.WritePropertyName(name);
                JsonSerializer.Serialize(writer, value, options);
            }

            writer.WriteEndObject();
        }
    }
}
