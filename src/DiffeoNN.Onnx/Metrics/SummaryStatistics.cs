namespace DiffeoNN.Onnx.Metrics;

/// <summary>Location and spread of a sample.</summary>
/// <param name="Count">Number of values.</param>
/// <param name="Mean">Arithmetic mean.</param>
/// <param name="StandardDeviation">Of the sample, with divisor count - 1; 0 for one value.</param>
/// <param name="Median">Second quartile.</param>
/// <param name="FirstQuartile">Quantile 0.25, linear between neighbours.</param>
/// <param name="ThirdQuartile">Quantile 0.75, linear between neighbours.</param>
public sealed record SummaryStatistics(
    int Count, double Mean, double StandardDeviation, double Median, double FirstQuartile, double ThirdQuartile)
{
    /// <summary>Summarises values.</summary>
    /// <param name="values">At least one, all finite.</param>
    /// <exception cref="ArgumentException">There is no value, or one is not finite.</exception>
    public static SummaryStatistics Of(IEnumerable<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        double[] sorted = [.. values];
        if (sorted.Length == 0) throw new ArgumentException("There are no values to summarise.", nameof(values));
        var broken = Array.FindIndex(sorted, value => !double.IsFinite(value));
        if (broken >= 0) throw new ArgumentException($"Value {broken} is {sorted[broken]}; expected finite values.", nameof(values));
        Array.Sort(sorted);
        var mean = sorted.Average();
        var deviation = sorted.Length == 1 ? 0 : Math.Sqrt(sorted.Sum(value => (value - mean) * (value - mean)) / (sorted.Length - 1));
        return new SummaryStatistics(sorted.Length, mean, deviation, Quantile(sorted, 0.5), Quantile(sorted, 0.25), Quantile(sorted, 0.75));
    }

    /// <summary>Linear between neighbours.</summary>
    /// <param name="sorted">Rising, at least one.</param>
    /// <param name="share">In [0, 1].</param>
    internal static double Quantile(double[] sorted, double share)
    {
        var position = share * (sorted.Length - 1);
        var below = (int)position;
        var above = sorted[Math.Min(below + 1, sorted.Length - 1)];
        return sorted[below] + ((position - below) * (above - sorted[below]));
    }
}
