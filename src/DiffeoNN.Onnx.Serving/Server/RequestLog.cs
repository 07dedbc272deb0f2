using System.Diagnostics;
using DiffeoNN.Onnx.Serving.Http;
using DiffeoNN.Onnx.Serving.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>One line a request; probes of health leave none, and neither does the page, which looks at the load all the time.</summary>
internal static class RequestLog
{
    /// <summary>Does a request, and logs it.</summary>
    public static async Task Run(ILogger log, HttpContext context, RequestDelegate next)
    {
        var start = Stopwatch.GetTimestamp();
        context.Response.Headers["X-Request-Id"] = context.TraceIdentifier;
        try
        {
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            var path = context.Request.Path.Value ?? "";
            if (!path.Contains("/health/", StringComparison.Ordinal) && !path.EndsWith("/ready", StringComparison.Ordinal)
                && path != "/v2/load" && !PageHttp.Holds(path))
            {
                ServerLog.Request(
                    log, context.Request.Method, StrictJson.Short(path), context.Response.StatusCode,
                    Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }
    }
}
