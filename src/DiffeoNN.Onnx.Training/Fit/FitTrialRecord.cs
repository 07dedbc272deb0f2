using System.Collections.Immutable;
using System.Text;
using DiffeoNN.Onnx.Bundles;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>A trial as an interrupted fit keeps it.</summary>
internal sealed record FitTrialRecord
{
    /// <summary>Of the proposer, from 0 for the one without the network's answers.</summary>
    public required int Round { get; init; }

    /// <summary>Whether all settings were tried, after the last round.</summary>
    public required bool IsFinal { get; init; }

    /// <summary>A manifest with the settings.</summary>
    public required string Manifest { get; init; }

    /// <summary><see cref="FitTrial.Images"/>.</summary>
    public required int Images { get; init; }

    /// <summary><see cref="FitTrial.Score"/>.</summary>
    public required double Score { get; init; }

    /// <summary><see cref="FitTrial.Undeformed"/>.</summary>
    public required double Undeformed { get; init; }

    /// <summary><see cref="FitTrial.UndeformedAlone"/>.</summary>
    public required double UndeformedAlone { get; init; }

    /// <summary><see cref="FitTrial.Deformed"/>.</summary>
    public required IReadOnlyDictionary<string, double> Deformed { get; init; }

    /// <summary><see cref="FitTrial.DeformedAlone"/>.</summary>
    public required IReadOnlyDictionary<string, double> DeformedAlone { get; init; }

    /// <summary><see cref="FitTrial.Errors"/>.</summary>
    public IReadOnlyDictionary<string, double> Errors { get; init; } = ImmutableDictionary<string, double>.Empty;

    /// <summary><see cref="FitTrial.Found"/>.</summary>
    public required IReadOnlyList<double[]> Found { get; init; }

    /// <summary>Keeps a trial.</summary>
    public static FitTrialRecord Of(FitTrial trial, BundleManifest manifest, int round, bool isFinal) => new()
    {
        Round = round,
        IsFinal = isFinal,
        Manifest = (manifest with { Search = trial.Settings }).ToJson(),
        Images = trial.Images,
        Score = trial.Score,
        Undeformed = trial.Undeformed,
        UndeformedAlone = trial.UndeformedAlone,
        Deformed = trial.Deformed,
        DeformedAlone = trial.DeformedAlone,
        Errors = trial.Errors,
        Found = trial.Found,
    };

    /// <summary>The trial.</summary>
    /// <exception cref="BundleException">Its manifest is none.</exception>
    public FitTrial ToTrial() => new(
        BundleManifest.Parse(Encoding.UTF8.GetBytes(Manifest), FitFolder.Name).Search, Images, Score, Undeformed, UndeformedAlone, Deformed,
        DeformedAlone)
    {
        Errors = Errors,
        Found = Found,
    };
}
