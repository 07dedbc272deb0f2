using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Hosting.Tests;

/// <summary>Keeps log entries with their fields.</summary>
internal sealed class LogEntries : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<LogEntry> _entries = new();

    public LogEntry Single(int id) => _entries.Single(entry => entry.Id == id);

    public LogEntry Last(int id) => _entries.Last(entry => entry.Id == id);

    public int Count(int id) => _entries.Count(entry => entry.Id == id);

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (state is IReadOnlyList<KeyValuePair<string, object?>> fields && fields.Any(field => field.Key == "Model"))
            _entries.Enqueue(new LogEntry(eventId.Id, logLevel, fields.ToDictionary(), formatter(state, exception)));
    }

    public void Dispose()
    {
    }
}
