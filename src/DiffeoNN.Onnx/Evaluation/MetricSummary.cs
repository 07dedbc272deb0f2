using DiffeoNN.Onnx.Metrics;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>A metric over all images.</summary>
/// <param name="Mean">Arithmetic mean.</param>
/// <param name="Std">Standard deviation, with divisor count - 1.</param>
/// <param name="Median">Second quartile.</param>
/// <param name="Q1">First quartile.</param>
/// <param name="Q3">Third quartile.</param>
public sealed record MetricSummary(double Mean, double Std, double Median, double Q1, double Q3)
{
    /// <summary>Summarises values; null if there are none.</summary>
    internal static MetricSummary? Of(IReadOnlyCollection<double> values)
    {
        if (values.Count == 0) return null;
        var found = SummaryStatistics.Of(values);
        return new MetricSummary(found.Mean, found.StandardDeviation, found.Median, found.FirstQuartile, found.ThirdQuartile);
    }
}
