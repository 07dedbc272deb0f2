namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>One thing that was looked at.</summary>
/// <param name="Level">How much it matters.</param>
/// <param name="Subject">What it is about: "libtorch", "vae.onnx".</param>
/// <param name="Text">What was found.</param>
/// <param name="Advice">What to do; empty where nothing is to be done.</param>
public sealed record Finding(FindingLevel Level, string Subject, string Text, string Advice = "");
