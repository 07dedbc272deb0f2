using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>What a server logs.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1, LogLevel.Information, "Listening: HTTP {Http}, gRPC {Grpc}, metrics {Metrics}.")]
    public static partial void Listening(ILogger log, Uri? http, Uri? grpc, Uri? metrics);

    [LoggerMessage(2, LogLevel.Information, "Model {Model}, version {Version}, takes requests.")]
    public static partial void Loaded(ILogger log, string model, string version);

    [LoggerMessage(3, LogLevel.Error, "Model {Model}, version {Version}, takes no requests: {Reason}")]
    public static partial void NotLoaded(ILogger log, string model, string version, string reason);

    [LoggerMessage(4, LogLevel.Information, "Ready.")]
    public static partial void Ready(ILogger log);

    [LoggerMessage(5, LogLevel.Information, "Told to end: not ready any more, requests are taken for {Seconds} s yet.")]
    public static partial void Draining(ILogger log, double seconds);

    [LoggerMessage(6, LogLevel.Information, "Ended.")]
    public static partial void Ended(ILogger log);

    [LoggerMessage(7, LogLevel.Critical, "Loading the models failed.")]
    public static partial void LoadingFailed(ILogger log, Exception error);

    [LoggerMessage(8, LogLevel.Critical, "Not ready: {Problem}.")]
    public static partial void Unwell(ILogger log, string problem);

    [LoggerMessage(10, LogLevel.Information, "Ready again.")]
    public static partial void Well(ILogger log);

    [LoggerMessage(9, LogLevel.Information, "{Method} {Path} {Status} {Milliseconds:F1} ms")]
    public static partial void Request(ILogger log, string method, string path, int status, double milliseconds);
}
