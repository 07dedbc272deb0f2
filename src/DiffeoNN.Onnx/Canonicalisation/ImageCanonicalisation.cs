using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>What canonicalisation did to one image.</summary>
/// <param name="Terms">Each term before and after, unweighted; the last two are smoothness and orientation.</param>
/// <param name="Energy">The weighted sum of the energy's own terms before and after.</param>
/// <param name="Total">What was minimised: energy plus weighted smoothness and orientation; never larger after than before.</param>
/// <param name="Steps">Updates taken.</param>
/// <param name="Stop">Why it ended.</param>
/// <param name="BestStep">Which iterate is the result: updates before it, 0 for the start itself.</param>
/// <param name="Squarings">Squarings of the result's exponential and of its inverse.</param>
/// <param name="Diagnostics">Determinants, folds and inverse residual of the result.</param>
public sealed record ImageCanonicalisation(
    IReadOnlyList<EnergyTerm> Terms,
    EnergyTerm Energy,
    EnergyTerm Total,
    int Steps,
    StopReason Stop,
    int BestStep,
    int Squarings,
    FieldDiagnostics Diagnostics);
