using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Hosting.Tests;

/// <summary>One entry of a log.</summary>
internal sealed record LogEntry(int Id, LogLevel Level, IReadOnlyDictionary<string, object?> Fields, string Text);
