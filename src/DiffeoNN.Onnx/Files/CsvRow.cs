namespace DiffeoNN.Onnx.Files;

/// <summary>One row of comma-separated text.</summary>
/// <param name="Line">Number of its first line, from 1.</param>
/// <param name="Fields">Without quotes and outer blanks.</param>
/// <param name="Problem">What is wrong with its quoting; null where it is sound.</param>
internal sealed record CsvRow(int Line, IReadOnlyList<string> Fields, string? Problem);
