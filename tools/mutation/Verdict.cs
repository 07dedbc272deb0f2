namespace DiffeoNN.Onnx.Mutation;

/// <summary>A mutant's end.</summary>
/// <param name="Mutant">Which.</param>
/// <param name="Outcome">How.</param>
/// <param name="Detail">The test that saw it, or how many did not.</param>
internal sealed record Verdict(Mutant Mutant, Outcome Outcome, string Detail)
{
    /// <summary>Whether tests saw the change.</summary>
    public bool IsSeen => Outcome is Outcome.Killed or Outcome.TimedOut;
}
