namespace DiffeoNN.Onnx.Cli;

/// <summary>Options that are well formed one by one but make no sense together.</summary>
/// <param name="message">What was given and what was expected.</param>
internal sealed class UsageException(string message) : Exception(message);
