namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Why an image was left as it is.</summary>
/// <param name="Reason">The rule that refused.</param>
/// <param name="Text">What was found and what was asked for, one sentence.</param>
public sealed record Refusal(RefusalReason Reason, string Text);
