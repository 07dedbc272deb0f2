using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace DiffeoNN.Onnx.Serving.Http;

/// <summary>What happens at the protocol's paths but inference.</summary>
/// <param name="repository">Whose models are served.</param>
/// <param name="options">How.</param>
internal sealed class InferencePaths(ModelRepository repository, ServingOptions options)
{
    /// <summary>Whose models are served.</summary>
    public ModelRepository Repository => repository;

    /// <summary>How.</summary>
    public ServingOptions Options => options;

    /// <summary>The model that the path names.</summary>
    public static string ModelOf(HttpContext context) => (string)context.GetRouteValue("model")!;

    /// <summary>The version that the path names; empty for none.</summary>
    public static string VersionOf(HttpContext context) => (string?)context.GetRouteValue("version") ?? "";

    /// <summary>The body, within the limits; it counts as held until the response has been sent.</summary>
    public Task<ReadOnlyMemory<byte>> Body(HttpContext context)
    {
        var share = repository.Bodies.Open();
        context.Response.RegisterForDispose(share);
        context.Features.Set(share);
        return BodyReader.ReadAsync(context.Request, options.Limits, share, context.RequestAborted);
    }

    public Task Server(HttpContext context) => InferenceHttp.Send(context, 200, ProtocolJson.Write(ServerMetadata.Current));

    public Task Live(HttpContext context) => InferenceHttp.Send(context, 200, "{\"live\":true}"u8.ToArray());

    public Task Ready(HttpContext context) => repository.Unready is { } reason
        ? NotReady($"The server is not ready: {reason}.")
        : InferenceHttp.Send(context, 200, repository.IsEmptied
            ? "{\"ready\":true,\"reason\":\"Clients have unloaded all models.\"}"u8.ToArray()
            : "{\"ready\":true}"u8.ToArray());

    public Task Pending(HttpContext context) => InferenceHttp.Send(context, 200, ProtocolJson.Write(repository.Pending()));

    public Task ModelReady(HttpContext context)
    {
        var (model, version) = (ModelOf(context), VersionOf(context));
        if (!repository.Takes(model, version)) return NotReady($"Model '{StrictJson.Short(model)}' is not ready.");
        return InferenceHttp.Send(context, 200, ProtocolJson.WriteReady(model));
    }

    public Task Model(HttpContext context) =>
        InferenceHttp.Send(context, 200, ProtocolJson.Write(repository.Metadata(ModelOf(context), VersionOf(context))));

    public Task Config(HttpContext context) =>
        InferenceHttp.Send(context, 200, ProtocolJson.WriteConfig(repository.Metadata(ModelOf(context), VersionOf(context))));

    public Task AllStatistics(HttpContext context) => InferenceHttp.Send(context, 200, ProtocolJson.Write(repository.Statistics()));

    public Task Statistics(HttpContext context) =>
        InferenceHttp.Send(context, 200, ProtocolJson.Write(repository.Statistics(ModelOf(context), VersionOf(context))));

    public async Task Index(HttpContext context)
    {
        var body = await Body(context).ConfigureAwait(false);
        await InferenceHttp.Send(context, 200, ProtocolJson.Write(repository.Index(ProtocolJson.ReadIndexRequest(body.Span))))
            .ConfigureAwait(false);
    }

    public async Task Load(HttpContext context)
    {
        var parameters = await Administration(context).ConfigureAwait(false);
        ModelParameters.Check(parameters, ["version"]);
        // What was begun is ended also where the sender does not wait for it.
        await repository.LoadAsync(ModelOf(context), parameters.Text("version"), CancellationToken.None).ConfigureAwait(false);
        await InferenceHttp.Send(context, 200, "{}"u8.ToArray()).ConfigureAwait(false);
    }

    public async Task Unload(HttpContext context)
    {
        var parameters = await Administration(context).ConfigureAwait(false);
        ModelParameters.Check(parameters, ["unload_dependents"]);
        await repository.UnloadAsync(ModelOf(context), context.RequestAborted).ConfigureAwait(false);
        await InferenceHttp.Send(context, 200, "{}"u8.ToArray()).ConfigureAwait(false);
    }

    private async Task<RequestParameters> Administration(HttpContext context)
    {
        options.RequireAdministration();
        var body = await Body(context).ConfigureAwait(false);
        return ProtocolJson.ReadRepositoryRequest(body.Span);
    }

    // The protocol wants a status of the 400s here; a server that is not ready is asked again in any case.
    private static Task NotReady(string message) => throw new ProtocolException(ErrorKind.Invalid, message);
}
