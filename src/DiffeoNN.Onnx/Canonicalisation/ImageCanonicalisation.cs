using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>What canonicalisation did to one image.</summary>
/// <param name="Terms">Each term before and after the search, unweighted; the last two are smoothness and orientation.</param>
/// <param name="Energy">The weighted sum of the energy's own terms before and after.</param>
/// <param name="Total">What was minimised: energy plus weighted smoothness and orientation;
/// never larger after than before, unless the map had to be repaired.</param>
/// <param name="Steps">Updates taken.</param>
/// <param name="Stop">Why it ended.</param>
/// <param name="BestStep">Which iterate was found best: updates before it, 0 for the start itself.</param>
/// <param name="Squarings">Squarings of the exponential and of its inverse.</param>
/// <param name="Diagnostics">Determinants, folds and inverse residual of the map that is returned:
/// the identity's where it was refused.</param>
public sealed record ImageCanonicalisation(
    IReadOnlyList<EnergyTerm> Terms,
    EnergyTerm Energy,
    EnergyTerm Total,
    int Steps,
    StopReason Stop,
    int BestStep,
    int Squarings,
    FieldDiagnostics Diagnostics)
{
    /// <summary>Whether the map found is used. If not, the canonical image is the image itself and all fields are zero,
    /// while terms and steps tell of the search.</summary>
    public bool Accepted => Refusal is null;

    /// <summary>Why the image was left as it is; null where it was not.</summary>
    public Refusal? Refusal { get; init; }

    /// <summary>Energy of the image as it is: what the decrease is measured against.
    /// Where the search starts at the identity, the energy before.</summary>
    public required double InputEnergy { get; init; }

    /// <summary>The energy that says whether the map is used: the one found, or that of the proposal where it is higher.</summary>
    internal double JudgedEnergy { get; init; }

    /// <summary>Energy of the canonical image that is returned: that found, or that of the image itself.</summary>
    public double CanonicalEnergy => Accepted ? Energy.After : InputEnergy;

    /// <summary>Measures of the map that was found, used or not.</summary>
    public required FieldDiagnostics FoundDiagnostics { get; init; }

    /// <summary>What the velocity found was multiplied by to pass the certificate: 1, or less where the map had to be repaired.</summary>
    public double VelocityScale { get; init; } = 1;

    /// <summary>Which of several starts led here, in their order; 0 where there was one.</summary>
    public int Start { get; init; }
}
