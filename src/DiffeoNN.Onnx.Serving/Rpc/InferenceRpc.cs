using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Repository;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace DiffeoNN.Onnx.Serving.Rpc;

/// <summary>The Open Inference Protocol v2 over gRPC: service <c>inference.GRPCInferenceService</c>.</summary>
public static class InferenceRpc
{
    /// <summary>Adds what <see cref="MapInferenceRpc"/> needs.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="repository">Whose models are served; stays the caller's.</param>
    /// <param name="options">Defaults if null.</param>
    public static IServiceCollection AddInferenceRpc(
        this IServiceCollection services, ModelRepository repository, ServingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(repository);
        options ??= new ServingOptions();
        services.AddSingleton(new InferenceService(repository, options));
        services.AddGrpc(grpc =>
        {
            // Room for what is not tensors; a message cannot be longer than an int says.
            grpc.MaxReceiveMessageSize = (int)Math.Min(options.Limits.Bytes + (1 << 16), int.MaxValue);
            grpc.MaxSendMessageSize = null;
        });
        return services;
    }

    /// <summary>Adds the service; the endpoint must speak HTTP/2.</summary>
    /// <param name="endpoints">Where to.</param>
    /// <returns>For conventions.</returns>
    public static IEndpointConventionBuilder MapInferenceRpc(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return endpoints.MapGrpcService<InferenceService>().WithMetadata(new MessageLimit());
    }

    /// <summary>The size of messages is limited; the web server's own limit would end calls without saying why.</summary>
    private sealed class MessageLimit : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => null;
    }
}
