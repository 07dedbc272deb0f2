namespace DiffeoNN.Onnx.Export;

/// <summary>A bundle cannot become one file, or not the one that was asked for.</summary>
/// <param name="message">What was found, what can be exported, what to do.</param>
public sealed class ExportException(string message) : DiffeoException(message);
