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
        services.AddSingleton<LongCalls>();
        services.AddSingleton(provider => new InferenceService(repository, options, provider.GetRequiredService<LongCalls>()));
        services.AddSingleton(provider => new HealthService(repository, provider.GetRequiredService<LongCalls>()));
        services.AddGrpc(grpc =>
        {
            // Room for what is not tensors; a message cannot be longer than an int says.
            grpc.MaxReceiveMessageSize = (int)Math.Min(options.Limits.Bytes + (1 << 16), int.MaxValue);
            grpc.MaxSendMessageSize = null;
            grpc.Interceptors.Add<CallErrors>();
        });
        return services;
    }

    /// <summary>Adds the service, and gRPC's own <c>grpc.health.v1.Health</c>; the endpoint must speak HTTP/2.</summary>
    /// <param name="endpoints">Where to.</param>
    /// <returns>For conventions that hold for both.</returns>
    public static IEndpointConventionBuilder MapInferenceRpc(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var group = endpoints.MapGroup("");
        group.MapGrpcService<InferenceService>().WithMetadata(new MessageLimit()).Add(CallErrors.TellMalformed);
        group.MapGrpcService<HealthService>().Add(CallErrors.TellMalformed);
        return group;
    }

    /// <summary>The size of messages is limited; the web server's own limit would end calls without saying why.</summary>
    private sealed class MessageLimit : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => null;
    }
}
