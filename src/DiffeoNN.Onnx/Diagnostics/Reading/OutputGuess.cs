using DiffeoNN.Onnx.Answers;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>What an output probably means.</summary>
/// <param name="Spec">Its description for the manifest.</param>
/// <param name="Reason">What speaks for the kind.</param>
/// <param name="Origin">How sure the kind is.</param>
internal sealed record OutputGuess(OutputSpec Spec, string Reason, GuessOrigin Origin)
{
    /// <summary>What was read of activation, layout, coordinates and the like.</summary>
    public List<Guess> Details { get; init; } = [];
}
