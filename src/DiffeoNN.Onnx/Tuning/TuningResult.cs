using System.Globalization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;

namespace DiffeoNN.Onnx.Tuning;

/// <summary>A tuning.</summary>
/// <param name="Trials">All that was tried, by number, each as it was last scored; those that fell behind early on fewer images.</param>
/// <param name="Best">The trial of the highest score on all images; that of the present settings where nothing is better.</param>
/// <param name="Skipped">One line for each image left out.</param>
/// <param name="Note">What was done, in a line, for the manifest.</param>
public sealed record TuningResult(IReadOnlyList<TuningTrial> Trials, TuningTrial Best, IReadOnlyList<string> Skipped, string Note)
{
    /// <summary>The gain below which settings do not count as better: 0.0005.</summary>
    public const double SmallestGain = 0.0005;

    private const string NoteStart = "Tuned: ";

    /// <summary>The present settings.</summary>
    public TuningTrial Present => Trials[0];

    /// <summary>Whether the best settings beat the present ones.</summary>
    public bool Improves => Best.Number != Present.Number;

    /// <summary>A manifest with the best settings and the note in its provenance, in place of the note of an earlier tuning;
    /// all else stays.</summary>
    /// <param name="manifest">The bundle's.</param>
    public BundleManifest ApplyTo(BundleManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        var provenance = manifest.Provenance ?? new Provenance();
        string[] others = [.. (provenance.Notes ?? "").Split('\n').Where(
            line => line.Length > 0 && !line.StartsWith(NoteStart, StringComparison.Ordinal))];
        return manifest with
        {
            Search = Best.Settings,
            Provenance = provenance with { Notes = string.Join('\n', [.. others, Note]) },
        };
    }

    /// <summary>The note of a tuning.</summary>
    internal static string Describe(IEvaluationData data, TuningOptions options, TuningTrial present, TuningTrial best)
    {
        var deformations = string.Join(", ", options.Deformations.Select(deformation => deformation.Name));
        var split = data.Split is null ? "" : $" of split {data.Split}";
        var reference = data.Reference == AnswerReference.Agreement ? $"{EvaluationData.Agreement}, " : "";
        return NoteStart + string.Create(
            CultureInfo.InvariantCulture,
            $"{best.Images} images{split}{(data.Source is null ? "" : $" of source {data.Source}")}, undeformed and by {deformations}, "
            + $"{reference}seed {options.Seed}, {options.Trials} trials, score {present.Score:F4} to {best.Score:F4}.");
    }
}
