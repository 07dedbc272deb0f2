using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Serving.Rpc.Wire;
using Grpc.Core;

namespace DiffeoNN.Onnx.Serving.Rpc;

/// <summary>gRPC's own protocol of health: the server serves when it is ready.</summary>
/// <param name="repository">Whose models are served.</param>
/// <param name="calls">Ends the watching.</param>
internal sealed class HealthService(ModelRepository repository, LongCalls calls) : Health.HealthBase
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(0.5);

    // The empty name is the whole server.
    private static readonly string[] Services = ["", "inference.GRPCInferenceService", "grpc.health.v1.Health"];

    private HealthCheckResponse.Types.ServingStatus Status => repository.IsReady
        ? HealthCheckResponse.Types.ServingStatus.Serving
        : HealthCheckResponse.Types.ServingStatus.NotServing;

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        if (!Services.Contains(request.Service))
            throw new RpcException(new Status(StatusCode.NotFound,
                $"There is no service '{request.Service}'; expected none, or {string.Join(" or ", Services[1..])}."));
        return Task.FromResult(new HealthCheckResponse { Status = Status });
    }

    public override Task Watch(
        HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context) =>
        calls.Run(async () =>
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, calls.Ending);
        var told = HealthCheckResponse.Types.ServingStatus.Unknown;
        while (!context.CancellationToken.IsCancellationRequested)
        {
            var now = Services.Contains(request.Service) ? Status : HealthCheckResponse.Types.ServingStatus.ServiceUnknown;
            if (now != told) await responseStream.WriteAsync(new HealthCheckResponse { Status = told = now }).ConfigureAwait(false);
            if (end.IsCancellationRequested) return;
            await Task.Delay(Pause, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    });
}
