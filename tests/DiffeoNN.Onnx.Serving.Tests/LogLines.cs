using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Keeps what is logged.</summary>
internal sealed class LogLines : ILoggerProvider, ILogger
{
    private readonly List<(string Text, Dictionary<string, object?> Fields)> _lines = [];

    /// <summary>The lines.</summary>
    public string[] Texts
    {
        get
        {
            lock (_lines) return [.. _lines.Select(line => line.Text)];
        }
    }

    /// <summary>The fields of the last line whose text matches.</summary>
    public Dictionary<string, object?> FieldsOf(string part)
    {
        lock (_lines) return _lines.Last(line => line.Text.Contains(part, StringComparison.Ordinal)).Fields;
    }

    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var fields = (state as IEnumerable<KeyValuePair<string, object?>> ?? []).ToDictionary(pair => pair.Key, pair => pair.Value);
        lock (_lines) _lines.Add(($"{logLevel} {formatter(state, exception)}", fields));
    }

    public void Dispose()
    {
    }
}
