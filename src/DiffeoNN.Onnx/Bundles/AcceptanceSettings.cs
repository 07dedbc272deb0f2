namespace DiffeoNN.Onnx.Bundles;

/// <summary>When a map found for an image of this bundle is used; what is null is left to the canonicaliser's defaults.</summary>
public sealed record AcceptanceSettings
{
    /// <summary>Energy up to which an image counts as canonical already and is left alone. It belongs to the bundle's networks and weights: a new
    /// network or weight asks for a new value.</summary>
    public double? CanonicalBelow { get; init; }

    /// <summary>How much the energy must fall, relative to the size of the image's own, at least 0.</summary>
    public double? MinimumDecrease { get; init; }

    /// <summary>Largest inverse residual in pixels, above 0.</summary>
    public double? InverseResidual { get; init; }
}
