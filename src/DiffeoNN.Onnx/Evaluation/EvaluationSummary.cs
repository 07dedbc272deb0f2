using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Metrics;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>What an evaluation found, as <c>summary.json</c> says it.</summary>
/// <param name="Model">The bundle's name.</param>
/// <param name="Data">The data, as it was given.</param>
/// <param name="Split">The split; null where the data has none.</param>
/// <param name="Source">The source; null for all.</param>
/// <param name="Deform">Family of the deformations.</param>
/// <param name="Seed">Seed of the deformations.</param>
/// <param name="Count">Images that were evaluated.</param>
/// <param name="Methods">Scores of each method.</param>
/// <param name="GapClosed">(diffeonn - naive) / (clean - naive) of the means of the first metric, of which an error counts as its
/// negative; null where clean - naive is below <see cref="SmallestGap"/>, for there is nothing to close.</param>
/// <param name="Folded">Maps that fold somewhere.</param>
/// <param name="InverseResidualPixels">Median over the images of the largest |phi(phi^-1(p)) - p| of each, in pixels of the bundle's size;
/// null if none is finite.</param>
/// <param name="EnergyGap">Mean of |E(x_c) - E((g·x)_c)|; null if it was not measured or no energy is finite.</param>
/// <param name="EquivarianceError">Mean disagreement of f(g·x) and g·f(x), see <see cref="SampleResult.EquivarianceError"/>; null if
/// not measured.</param>
/// <param name="SecondsPerImage">Time of canonicalisation and inference on deformed images, divided by their number.</param>
public sealed record EvaluationSummary(
    string Model,
    string Data,
    string? Split,
    string? Source,
    string Deform,
    ulong Seed,
    int Count,
    MethodSummaries Methods,
    double? GapClosed,
    int Folded,
    double? InverseResidualPixels,
    double? EnergyGap,
    double? EquivarianceError,
    double SecondsPerImage)
{
    /// <summary>The settings that searches had, by their words; null where that is not told.</summary>
    public JsonObject? Search { get; init; }

    /// <summary>What answers were compared with: in JSON <c>truth</c>, or <c>agreement</c> with the network's own answers on undeformed
    /// images.</summary>
    public AnswerReference Reference { get; init; }

    /// <summary>The gap below which no share of it is stated: 0.005.</summary>
    public const double SmallestGap = 0.005;

    /// <summary>The loss from which canonicalisation counts as harmful: 0.001.</summary>
    public const double SmallestHarm = 0.001;

    /// <summary>Columns of the table of methods, the first metric first.</summary>
    [JsonIgnore]
    public IReadOnlyList<ScoreColumn> Columns { get; init; } = [];

    /// <summary>What images are ranked by.</summary>
    [JsonIgnore]
    public string RankTitle { get; init; } = "";

    /// <summary>The means of the first metric where canonicalisation makes it worse than the network alone;
    /// null where it does not.</summary>
    [JsonIgnore]
    public (double Alone, double Canonicalised)? Harm => Methods.Naive.Metric.Mean - Methods.Diffeonn.Metric.Mean is > SmallestHarm
        ? (Methods.Naive.Metric.Mean, Methods.Diffeonn.Metric.Mean)
        : null;

    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>The text of <c>summary.json</c>: this record's properties in order, in camel case; numbers in full precision.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Format).ReplaceLineEndings("\n") + "\n";

    /// <summary>Summarises samples.</summary>
    internal static EvaluationSummary Of(
        string model, IEvaluationData data, EvaluationOptions options, IReadOnlyList<SampleResult> samples, TimeSpan time, AnswerKind kind)
    {
        var augmented = samples.Select(sample => sample.Augmented).OfType<AnswerScore>().ToList();
        var methods = new MethodSummaries(
            Of(samples.Select(sample => sample.Clean)),
            Of(samples.Select(sample => sample.Naive)),
            Of(samples.Select(sample => sample.Diffeonn)),
            augmented.Count == 0 ? null : Of(augmented));
        double[] residuals =
            [.. samples.Select(sample => sample.Canonicalisation.Diagnostics.InverseResidualMaximum).Where(double.IsFinite)];
        return new EvaluationSummary(
            model, data.Name, data.Split, data.Source, options.Deformation.Name, options.Seed, samples.Count, methods,
            ShareOfGap(methods.Clean.Metric.Mean, methods.Naive.Metric.Mean, methods.Diffeonn.Metric.Mean),
            samples.Count(sample => sample.Canonicalisation.Diagnostics.FoldedFraction > 0),
            residuals.Length == 0 ? null : SummaryStatistics.Of(residuals).Median,
            Mean(samples.Select(sample => sample.EnergyGap)),
            Mean(samples.Select(sample => sample.EquivarianceError)),
            time.TotalSeconds / samples.Count)
        {
            Columns = kind.Columns,
            RankTitle = data.Reference == AnswerReference.Agreement ? kind.AgreementTitle : kind.RankTitle,
            Reference = data.Reference,
        };

        MethodSummary Of(IEnumerable<AnswerScore> scores) => MethodSummary.Of([.. scores], kind.Summarised);
    }

    /// <summary>(found - naive) / (clean - naive), or null where the denominator is too small.</summary>
    internal static double? ShareOfGap(double clean, double naive, double found) =>
        clean - naive < SmallestGap ? null : (found - naive) / (clean - naive);

    private static double? Mean(IEnumerable<double?> values)
    {
        double[] finite = [.. values.OfType<double>().Where(double.IsFinite)];
        return finite.Length == 0 ? null : finite.Average();
    }
}
