using System.Collections.Immutable;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>How a bundle did on images held out while it was fitted, on which its settings were chosen.</summary>
/// <param name="Settings">The settings that were best.</param>
/// <param name="Images">Of each family.</param>
/// <param name="Score">Half the metric on undeformed images plus half that on deformed ones.</param>
/// <param name="Undeformed">The metric on undeformed images, canonicalised.</param>
/// <param name="UndeformedAlone">That of the network alone.</param>
/// <param name="Deformed">By family.</param>
/// <param name="DeformedAlone">Those of the network alone, by family.</param>
public sealed record FitTrial(
    SearchSpec Settings, int Images, double Score, double Undeformed, double UndeformedAlone,
    IReadOnlyDictionary<string, double> Deformed, IReadOnlyDictionary<string, double> DeformedAlone)
{
    /// <summary>Standard error of what canonicalisation changes, by family, that of undeformed images as <c>none</c>; empty where it is
    /// unknown. That settings were chosen on the same images it does not count.</summary>
    public IReadOnlyDictionary<string, double> Errors { get; init; } = ImmutableDictionary<string, double>.Empty;

    /// <summary>Whether there are images enough to tell anything.</summary>
    public bool IsTelling => Images >= FitVerdict.FewestToTell;

    /// <summary>The metric of each image of each set, undeformed ones first.</summary>
    internal IReadOnlyList<double[]> Found { get; init; } = [];

    /// <summary>Whether another trial, on the same images, is better beyond what chance would do: weights trained for longer are taken
    /// unless they are worse.</summary>
    internal bool IsClearlyBelow(FitTrial other)
    {
        const double sure = 1.5;
        if (Found.Count == 0 || Found.Count != other.Found.Count) return Score < other.Score;
        // As the score weighs them.
        var (sum, variance) = (0.0, 0.0);
        foreach (var (set, (mine, others)) in Found.Zip(other.Found).Index())
        {
            var count = Math.Min(mine.Length, others.Length);
            var weight = set == 0 ? 0.5 : 0.5 / (Found.Count - 1);
            double[] differences = [.. mine.Take(count).Zip(others, (a, b) => a - b)];
            var mean = differences.Average();
            sum += weight * mean;
            variance += weight * weight * differences.Sum(d => (d - mean) * (d - mean)) / Math.Max(1, count - 1) / count;
        }

        return sum < -sure * Math.Sqrt(variance) && sum < 0;
    }
}
