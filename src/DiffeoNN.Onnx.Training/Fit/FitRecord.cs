using System.Collections.Immutable;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>What happened in a fit so far.</summary>
internal sealed record FitRecord
{
    /// <summary>What the fit is of: network, images, options.</summary>
    public required string Key { get; init; }

    /// <summary><see cref="FitIdentity.Parts"/>; empty in records of earlier versions.</summary>
    public IReadOnlyDictionary<string, string> Parts { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary><see cref="FitImages.Digest"/> of the images.</summary>
    public string? Images { get; init; }

    /// <summary><see cref="FitImages.TruthDigest"/> of the images; null where their truth does not matter.</summary>
    public string? Truth { get; init; }

    /// <summary>Steps chosen so far.</summary>
    public FitPlan Plan { get; init; } = new();

    /// <summary>Weight of the network's answers; null until it is chosen.</summary>
    public double? TaskWeight { get; init; }

    /// <summary>Seconds spent.</summary>
    public double Seconds { get; init; }

    /// <summary>Names of the stages that are done.</summary>
    public IReadOnlyList<string> Done { get; init; } = [];

    /// <summary>Curves so far.</summary>
    public IReadOnlyList<FitCurvePoint> Curves { get; init; } = [];

    /// <summary>Number of the round whose proposer was best, from 0 for the one without the network's answers; null for none yet.</summary>
    public int? Best { get; init; }

    /// <summary>What was found on images held out so far.</summary>
    public IReadOnlyList<FitTrialRecord> Trials { get; init; } = [];

    /// <summary>What there is to know.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
