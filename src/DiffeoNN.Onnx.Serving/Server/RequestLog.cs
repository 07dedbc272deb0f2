using System.Collections;
using System.Diagnostics;
using System.Globalization;
using DiffeoNN.Onnx.Serving.Http;
using DiffeoNN.Onnx.Serving.Protocol;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>One line a request; probes of health leave none, and neither does the page, which looks at the load all the time.</summary>
/// <param name="log">Where to.</param>
internal sealed class RequestLog(ILogger log)
{
    private int _running;
    private volatile bool _isCutting;

    /// <summary>Requests that had not ended when their time was up.</summary>
    public int CutOff { get; private set; }

    /// <summary>The time of those in flight is up.</summary>
    public void Cut() => (CutOff, _isCutting) = (Volatile.Read(ref _running), true);

    /// <summary>Does a request, and logs it.</summary>
    public async Task Run(HttpContext context, RequestDelegate next)
    {
        context.Response.Headers["X-Request-Id"] = context.TraceIdentifier;
        var path = context.Request.Path.Value ?? "";
        if (IsPassedOver(path))
        {
            await next(context).ConfigureAwait(false);
            return;
        }

        var start = Stopwatch.GetTimestamp();
        var notes = new RequestNotes();
        context.Features.Set(notes);
        Interlocked.Increment(ref _running);
        var isFailed = false;
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            isFailed = true;
            notes.Reason ??= error.Message;
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _running);
            Write(context, notes, isFailed, Stopwatch.GetElapsedTime(start));
        }
    }

    private static bool IsPassedOver(string path) => path.Contains("/health/", StringComparison.Ordinal)
        || path.EndsWith("/ready", StringComparison.Ordinal) || path == "/v2/load" || PageHttp.Holds(path)
        || path is "/inference.GRPCInferenceService/ServerLive" or "/inference.GRPCInferenceService/ServerReady"
            or "/inference.GRPCInferenceService/ModelReady"
        || path.StartsWith("/grpc.health.v1.Health/", StringComparison.Ordinal);

    private void Write(HttpContext context, RequestNotes notes, bool isFailed, TimeSpan time)
    {
        var (status, isFault) = StatusOf(context, notes, isFailed);
        var isGone = status is "cancelled" or "cut off";
        Line line =
        [
            new("RequestId", context.TraceIdentifier),
            new("Method", context.Request.Method),
            new("Path", RequestNotes.Clean(StrictJson.Short(context.Request.Path.Value ?? ""))),
            new("Model", Named(context.GetRouteValue("model") as string ?? notes.Model)),
            new("Version", Named(notes.Version)),
            new("Status", status),
            new("Milliseconds", Math.Round(time.TotalMilliseconds, 1)),
            new("Reason", isGone || notes.Reason is null ? null : RequestNotes.Clean(notes.Reason)),
        ];
        log.Log(isFault ? LogLevel.Warning : LogLevel.Information, new EventId(9, "Request"), line, null, (line, _) => line.ToString());
    }

    private static string? Named(string? name) => string.IsNullOrEmpty(name) ? null : RequestNotes.Clean(StrictJson.Short(name));

    /// <summary>The status as the log has it, and whether the server did not do what it was asked through no fault of its sender.</summary>
    private (string Status, bool IsFault) StatusOf(HttpContext context, RequestNotes notes, bool isFailed)
    {
        var isGone = context.RequestAborted.IsCancellationRequested && !notes.IsSent;
        var gone = _isCutting ? "cut off" : "cancelled";
        if (context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) != true)
        {
            if (isGone) return (gone, _isCutting);
            var status = isFailed && !context.Response.HasStarted ? 500 : context.Response.StatusCode;
            return (status.ToString(CultureInfo.InvariantCulture), status >= 500);
        }

        // What ends at once tells it in the headers.
        var told = context.Response.Headers["grpc-status"].ToString();
        if (told.Length == 0) told = context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers["grpc-status"].ToString() ?? "";
        if (!int.TryParse(told, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return isGone ? (gone, _isCutting) : (isFailed ? "INTERNAL" : $"HTTP {context.Response.StatusCode}", isFailed);
        var code = (StatusCode)number;
        if (code == StatusCode.Cancelled) return (gone, _isCutting);
        return (Word(code), code is StatusCode.Internal or StatusCode.Unknown or StatusCode.Unavailable or StatusCode.Unimplemented
            or StatusCode.ResourceExhausted or StatusCode.DeadlineExceeded);
    }

    /// <summary>A status as gRPC's documents write it.</summary>
    private static string Word(StatusCode code) => code == StatusCode.OK ? "OK" : string.Concat($"{code}".Select((letter, i) =>
        i > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{char.ToUpperInvariant(letter)}"));

    /// <summary>A line, which loggers of JSON write by its fields.</summary>
    private sealed class Line : IReadOnlyList<KeyValuePair<string, object?>>
    {
        private readonly List<KeyValuePair<string, object?>> _fields = [];

        public int Count => _fields.Count;

        public KeyValuePair<string, object?> this[int index] => _fields[index];

        // For the collection's expression; what is not known is left out.
        public void Add(KeyValuePair<string, object?> field)
        {
            if (field.Value is not null) _fields.Add(field);
        }

        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _fields.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public override string ToString()
        {
            var of = _fields.ToDictionary(field => field.Key, field => field.Value);
            var model = of.TryGetValue("Model", out var name)
                ? $" (model {name}{(of.TryGetValue("Version", out var version) ? $", version {version}" : "")})" : "";
            var reason = of.TryGetValue("Reason", out var why) ? $": {why}" : "";
            return string.Create(CultureInfo.InvariantCulture,
                $"{of["RequestId"]} {of["Method"]} {of["Path"]}{model} {of["Status"]} {of["Milliseconds"]:F1} ms{reason}");
        }
    }
}
