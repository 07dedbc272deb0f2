using DiffeoNN.Onnx.Serving.Options;
using System.Buffers;
using System.Globalization;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace DiffeoNN.Onnx.Serving.Http;

/// <summary>The Open Inference Protocol v2 over HTTP.</summary>
public static class InferenceHttp
{
    private const string HeaderLength = "Inference-Header-Content-Length";

    /// <summary>Adds the protocol's paths, all below <c>v2</c>.</summary>
    /// <param name="endpoints">Where to.</param>
    /// <param name="repository">Whose models are served; stays the caller's.</param>
    /// <param name="options">Defaults if null.</param>
    /// <returns>For conventions that hold for all of them.</returns>
    public static IEndpointConventionBuilder MapInferenceHttp(
        this IEndpointRouteBuilder endpoints, ModelRepository repository, ServingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(repository);
        var paths = new InferencePaths(repository, options ?? new ServingOptions());
        var group = endpoints.MapGroup("v2");
        Get("", paths.Server);
        Get("health/live", paths.Live);
        Get("health/ready", paths.Ready);
        Get("load", paths.Pending);
        Get("models/stats", paths.AllStatistics);
        foreach (var version in (string[])["", "/versions/{version}"])
        {
            var model = $"models/{{model}}{version}";
            Get(model, paths.Model);
            Get($"{model}/ready", paths.ModelReady);
            Get($"{model}/config", paths.Config);
            Get($"{model}/stats", paths.Statistics);
            Post($"{model}/infer", context => Infer(context, paths));
        }

        Post("repository/index", paths.Index);
        Post("repository/models/{model}/load", paths.Load);
        Post("repository/models/{model}/unload", paths.Unload);
        group.MapFallback("{**rest}", Guarded(context => throw new ProtocolException(
            ErrorKind.NotFound, $"There is no {context.Request.Method} {StrictJson.Short(context.Request.Path.Value ?? "")}.")));
        return group;

        // Probes of load balancers often ask without wanting the body.
        void Get(string path, Func<HttpContext, Task> handle) =>
            group.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], Guarded(handle));

        void Post(string path, Func<HttpContext, Task> handle) => group.MapPost(path, Guarded(handle));
    }

    private static async Task Infer(HttpContext context, InferencePaths paths)
    {
        var body = await paths.Body(context).ConfigureAwait(false);
        var header = context.Request.Headers[HeaderLength];
        long? length = null;
        if (header.Count > 0)
        {
            if (!long.TryParse(header, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes))
                throw new ProtocolException(ErrorKind.Invalid, $"The header {HeaderLength} is '{header}'; expected a number of bytes.");
            length = bytes;
        }

        var request = InferenceRequestReader.Read(body, length, paths.Options.Limits) with
        {
            Model = InferencePaths.ModelOf(context), Version = InferencePaths.VersionOf(context),
        };
        var response = await paths.Repository.InferAsync(request, context.RequestAborted).ConfigureAwait(false);
        if (context.Features.Get<RequestNotes>() is { } notes) notes.Version = response.Version;
        var answer = new ArrayBufferWriter<byte>();
        var json = InferenceResponseWriter.Write(response, request, answer);
        context.Features.Get<BodyBudget.Share>()?.Add(answer.Capacity);
        if (json is not null) context.Response.Headers[HeaderLength] = $"{json}";
        await Send(context, 200, answer.WrittenMemory, json is null ? "application/json" : "application/octet-stream")
            .ConfigureAwait(false);
    }

    /// <summary>Says why a request fails, for its line in the log.</summary>
    internal static void Note(HttpContext context, string reason)
    {
        if (context.Features.Get<RequestNotes>() is { } notes) notes.Reason = reason;
    }

    /// <summary>Sends a body.</summary>
    internal static async Task Send(
        HttpContext context, int status, ReadOnlyMemory<byte> body, string type = "application/json")
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
        if (context.Features.Get<RequestNotes>() is { } notes) notes.IsSent = true;
    }

    private static RequestDelegate Guarded(Func<HttpContext, Task> handle) => async context =>
    {
        try
        {
            await handle(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
        }
        catch (Exception error) when (!context.Response.HasStarted)
        {
            var (status, message) = error switch
            {
                ProtocolException told => (told.Kind.ToHttp(), told.Message),
                BadHttpRequestException bad => (bad.StatusCode, bad.Message),
                _ => (500, $"The server failed: {ErrorTexts.OneLine(error.Message)}"),
            };
            if (status == 503)
            {
                var after = (error as ProtocolException)?.RetryAfter ?? TimeSpan.FromSeconds(1);
                context.Response.Headers.RetryAfter = $"{Math.Ceiling(after.TotalSeconds):F0}";
            }

            Note(context, message);
            await Send(context, status, ProtocolJson.Error(message)).ConfigureAwait(false);
        }
    };
}
