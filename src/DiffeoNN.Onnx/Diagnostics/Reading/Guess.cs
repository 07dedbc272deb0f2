namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>One thing that was read of a network, or guessed.</summary>
/// <param name="Subject">What it is: "layout", "normalisation", "kind of 'logits'".</param>
/// <param name="Value">What was taken.</param>
/// <param name="Reason">Why.</param>
/// <param name="Origin">How sure it is.</param>
/// <param name="Override">Options of <c>diffeonn bundle init</c>, that say otherwise, separated by blanks; empty for
/// what
/// the file alone decides.</param>
public sealed record Guess(string Subject, string Value, string Reason, GuessOrigin Origin, string Override = "")
{
    /// <summary>As it is printed: <c>layout: channelsFirst (its first convolution takes dimension 1; --layout)</c>.</summary>
    public override string ToString()
    {
        var mark = Origin == GuessOrigin.Unknown ? "cannot be told: " : "";
        return $"{Subject}: {Value} ({mark}{Reason}{(Override.Length > 0 && Origin != GuessOrigin.Told ? $"; else {Override}" : "")})";
    }
}
