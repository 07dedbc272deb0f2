using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>What a server logs.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1, LogLevel.Information, "Listening: HTTP {Http}, gRPC {Grpc}, metrics {Metrics}.")]
    public static partial void Listening(ILogger log, Uri? http, Uri? grpc, Uri? metrics);

    [LoggerMessage(2, LogLevel.Information, "Model {Model}, version {Version}, takes requests after {Milliseconds:F0} ms{Rest}")]
    public static partial void Loaded(ILogger log, string model, string version, double milliseconds, string rest);

    [LoggerMessage(11, LogLevel.Information, "Model {Model}, version {Version}, is being loaded from {Folder}.")]
    public static partial void Loading(ILogger log, string model, string version, string folder);

    [LoggerMessage(12, LogLevel.Information, "Model {Model}, version {Version}, takes no more requests: {Reason}")]
    public static partial void Unloaded(ILogger log, string model, string version, string reason);

    [LoggerMessage(13, LogLevel.Warning, "No model takes requests any more: clients have unloaded all. The server stays ready.")]
    public static partial void Emptied(ILogger log);

    [LoggerMessage(14, LogLevel.Warning, "Not ready: {Problem}. The folder is looked at again every {Seconds} s.")]
    public static partial void NoModels(ILogger log, string problem, double seconds);

    [LoggerMessage(15, LogLevel.Information,
        "diffeonn {Version} runs on {Device}, {Threads} threads: {Reason} .NET {Runtime}, ONNX Runtime {Engine}.")]
    public static partial void RunsOn(
        ILogger log, string version, string device, int threads, string reason, string runtime, string engine);

    [LoggerMessage(3, LogLevel.Error, "Model {Model}, version {Version}, does not load, after {Milliseconds:F0} ms: {Reason}")]
    public static partial void NotLoaded(ILogger log, string model, string version, double milliseconds, string reason);

    [LoggerMessage(4, LogLevel.Information, "Ready.")]
    public static partial void Ready(ILogger log);

    [LoggerMessage(5, LogLevel.Information, "Told to end: not ready any more, requests are taken for {Seconds} s yet.")]
    public static partial void Draining(ILogger log, double seconds);

    [LoggerMessage(6, LogLevel.Information, "Ended.")]
    public static partial void Ended(ILogger log);

    [LoggerMessage(17, LogLevel.Error, "What the server runs on cannot be found out: {Problem}")]
    public static partial void NoInfo(ILogger log, string problem);

    [LoggerMessage(16, LogLevel.Warning, "Ended; {Count} requests had not, and were cut off.")]
    public static partial void EndedEarly(ILogger log, int count);

    [LoggerMessage(7, LogLevel.Error, "The folder of the models cannot be looked at: {Problem}")]
    public static partial void LookFailed(ILogger log, string problem);

    [LoggerMessage(8, LogLevel.Critical, "Not ready: {Problem}.")]
    public static partial void Unwell(ILogger log, string problem);

    [LoggerMessage(10, LogLevel.Information, "Ready again.")]
    public static partial void Well(ILogger log);

    /// <summary>Sets up where lines go.</summary>
    public static void Configure(ILoggingBuilder logging, ServerOptions options)
    {
        // What keeps the host from starting is thrown, and told in a line.
        logging.ClearProviders().AddFilter("Microsoft", LogLevel.Warning).AddFilter("Grpc", LogLevel.Error)
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        if (options.IsQuiet) return;
        if (options.JsonLog)
        {
            logging.AddJsonConsole(console =>
                (console.UseUtcTimestamp, console.TimestampFormat) = (true, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'"));
        }
        else
        {
            logging.AddSimpleConsole(console => (console.SingleLine, console.UseUtcTimestamp, console.TimestampFormat) =
                (true, true, "yyyy-MM-dd'T'HH:mm:ss.fff'Z' "));
        }
    }
}
