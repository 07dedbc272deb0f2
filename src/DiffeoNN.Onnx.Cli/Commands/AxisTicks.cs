using System.Globalization;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>An axis of a chart: its ends, its ticks and what is written at them.</summary>
internal sealed record AxisTicks
{
    private const double LeastRatio = 20;

    /// <summary>Lower end.</summary>
    public required double Low { get; init; }

    /// <summary>Upper end, above <see cref="Low"/>.</summary>
    public required double High { get; init; }

    /// <summary>Where lines are drawn, rising.</summary>
    public required IReadOnlyList<double> Ticks { get; init; }

    /// <summary>Whether equal distances are equal ratios.</summary>
    public bool IsLogarithmic { get; init; }

    /// <summary>Where a value stands: 0 at the lower end, 1 at the upper.</summary>
    public double Place(double value) => IsLogarithmic
        ? Math.Log(Math.Max(value, Low) / Low) / Math.Log(High / Low)
        : (value - Low) / (High - Low);

    /// <summary>A tick in words.</summary>
    public static string Text(double tick) => Math.Abs(tick) is >= 1e5 or (> 0 and < 1e-3)
        ? tick.ToString("0.#E0", CultureInfo.InvariantCulture)
        : tick.ToString("0.####", CultureInfo.InvariantCulture);

    /// <summary>An axis with steps of 1, 2 or 5 times a power of ten.</summary>
    /// <param name="low">Least value.</param>
    /// <param name="high">Greatest value, not below the least.</param>
    /// <param name="count">About how many steps.</param>
    public static AxisTicks Linear(double low, double high, int count = 4)
    {
        if (high - low < 1e-12 * Math.Max(1, Math.Abs(high)))
        {
            var margin = low == 0 ? 0.5 : 0.05 * Math.Abs(low);
            (low, high) = (low - margin, high + margin);
        }

        var rough = (high - low) / count;
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = power * (rough / power) switch { <= 1.0001 => 1, <= 2.0001 => 2, <= 5.0001 => 5, _ => 10 };
        double first = Math.Floor((low / step) + 1e-9), last = Math.Ceiling((high / step) - 1e-9);
        double[] ticks = [.. Enumerable.Range(0, (int)(last - first) + 1).Select(i => Math.Round((first + i) * step, 12))];
        return new AxisTicks { Low = first * step, High = last * step, Ticks = ticks };
    }

    /// <summary>A logarithmic axis where values are positive and some are many times others; else a linear one.</summary>
    /// <param name="low">Least value.</param>
    /// <param name="high">Greatest value.</param>
    public static AxisTicks Suitable(double low, double high)
    {
        if (low <= 0 || high / low < LeastRatio) return Linear(low, high);
        int first = (int)Math.Floor(Math.Log10(low)), last = (int)Math.Ceiling(Math.Log10(high));
        // Decades; within one or two of them, their parts as well.
        double[] parts = last - first <= 2 ? [1, 2, 5] : [1];
        double[] all =
        [
            .. from power in Enumerable.Range(first, last - first + 1)
               from part in parts
               select part * Math.Pow(10, power),
        ];
        var below = Array.FindLastIndex(all, tick => tick <= low * 1.0000001);
        var above = Array.FindIndex(all, tick => tick >= high * 0.9999999);
        var ticks = all[Math.Max(0, below)..(Math.Min(above, all.Length - 1) + 1)];
        return new AxisTicks { Low = ticks[0], High = ticks[^1], Ticks = ticks, IsLogarithmic = true };
    }
}
