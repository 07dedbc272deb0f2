using System.Text.Json.Serialization;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>When a map found for an image of this bundle is used; what is null is left to the canonicaliser's defaults.</summary>
public sealed record AcceptanceSettings
{
    /// <summary>The decrease asked for where a manifest says neither <see cref="CanonicalBelow"/> nor <see cref="MinimumDecrease"/>: half.
    /// </summary>
    /// <remarks>A long search bends an image that looks like the training images to please the energy: 16 undeformed shapes lost 0.10 to
    /// 0.32 of theirs in 80 steps from the identity, and each map cost overlap. Deformed by <c>tps</c> they lost 0.36 to 0.72, and each map
    /// gained.</remarks>
    public const double SafeDecrease = 0.5;

    /// <summary>Energy up to which an image counts as canonical already and is left alone. It belongs to the bundle's networks and weights:
    /// a new network or weight asks for a new value.</summary>
    public double? CanonicalBelow { get; init; }

    /// <summary>How much the energy must fall, relative to the size of the image's own, at least 0.</summary>
    public double? MinimumDecrease { get; init; }

    /// <summary>Whether somebody chose when a map helps; else <see cref="SafeDecrease"/> counts until <c>tune</c> chooses.</summary>
    [JsonIgnore]
    public bool IsChosen => CanonicalBelow is not null || MinimumDecrease is not null;

    /// <summary>What counts for a manifest: its settings, with <see cref="SafeDecrease"/> where they do not say when a map helps.</summary>
    /// <param name="stated">Those of the manifest; null where it has none.</param>
    public static AcceptanceSettings Of(AcceptanceSettings? stated) => stated switch
    {
        null => new AcceptanceSettings { MinimumDecrease = SafeDecrease },
        { IsChosen: false } => stated with { MinimumDecrease = SafeDecrease },
        _ => stated,
    };

    /// <summary>Largest inverse residual in pixels, above 0.</summary>
    public double? InverseResidual { get; init; }
}
