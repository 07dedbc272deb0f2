using System.Globalization;
using DiffeoNN.Onnx.Validation.Comparing;

namespace DiffeoNN.Onnx.Validation.Reports;

/// <summary>Parts of a report as sentences, for tables and pages.</summary>
public static class ReportText
{
    /// <summary>A number with two digits, such as 3.1e-07 or 0.98.</summary>
    /// <param name="value">The number.</param>
    public static string Number(double value) => double.IsPositiveInfinity(value) ? "infinite" : double.IsNaN(value) ? "NaN"
        : Math.Abs(value) is 0 or (>= 0.01 and < 10_000) ? value.ToString("0.###", CultureInfo.InvariantCulture)
        : value.ToString("0.0e-0", CultureInfo.InvariantCulture);

    /// <summary>A cosine by its distance from 1, which is what tells: "1 - 3.2e-08".</summary>
    /// <param name="cosine">The cosine.</param>
    public static string Cosine(double cosine) =>
        cosine >= 1 ? "1" : cosine > 0.99 ? $"1 - {(1 - cosine).ToString("0.0e-0", CultureInfo.InvariantCulture)}" : Number(cosine);

    /// <summary>"output", "module" or "gradient".</summary>
    /// <param name="quantity">The quantity.</param>
    public static string Quantity(ComparedQuantity quantity) => quantity switch
    {
        ComparedQuantity.Output => "output",
        ComparedQuantity.Module => "module",
        _ => "gradient",
    };

    /// <summary>What is wrong with a tensor, or that nothing is.</summary>
    /// <param name="tensor">The comparison.</param>
    public static string Verdict(TensorComparison tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Problem is { } problem) return problem;
        var bound = tensor.Tolerance.ToString();
        if (tensor.NonFiniteMismatches > 0) return $"{tensor.NonFiniteMismatches} elements are finite on one side only{At(tensor)}";
        return tensor.Tolerance.Cosine is not null
            ? $"cosine {Cosine(tensor.Cosine)}, length off by {Number(100 * tensor.NormError)} % (bound: {bound}){At(tensor)}"
            : $"off by {Number(tensor.LargestScaledError)} of the magnitude (bound: {bound}){At(tensor)}";
    }

    /// <summary>Where a tensor is worst: " at [0,1]: expected 2, found 3"; empty where it is nowhere wrong.</summary>
    /// <param name="tensor">The comparison.</param>
    public static string At(TensorComparison tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return tensor.Worst is not { } worst ? ""
            : string.Create(CultureInfo.InvariantCulture,
                $", worst at [{string.Join(",", worst.Index)}]: expected {worst.Expected:G6}, found {worst.Actual:G6}");
    }

    /// <summary>The whole job in the task's terms.</summary>
    /// <param name="job">The comparison.</param>
    public static string Job(JobReport job)
    {
        ArgumentNullException.ThrowIfNull(job);
        var parts = new List<string>();
        if (job.MeanIou is { } iou)
            parts.Add($"mean IoU of the two masks {iou.ToString("0.0000", CultureInfo.InvariantCulture)} (at least "
                + $"{JobReport.SmallestIou}), worst {job.WorstIou!.Value.ToString("0.0000", CultureInfo.InvariantCulture)}");
        if (job.Flips is { } flips)
            parts.Add($"{(100 * flips).ToString("0.###", CultureInfo.InvariantCulture)} % of the classes differ (at most "
                + $"{100 * JobReport.LargestFlips} %)");
        if (job.AnswerError is { } error) parts.Add($"answers off by {Number(error)} of their magnitude (at most 0.01)");
        if (job.OtherDecisions > 0) parts.Add($"{job.OtherDecisions} of {job.Images} maps used by one engine and refused by the other");
        return string.Join("; ", parts);
    }
}
