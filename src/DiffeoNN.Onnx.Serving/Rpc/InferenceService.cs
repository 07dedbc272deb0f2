using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Serving.Rpc.Wire;
using Google.Protobuf.Collections;
using Grpc.Core;

namespace DiffeoNN.Onnx.Serving.Rpc;

/// <summary>The calls of the Open Inference Protocol v2 over gRPC.</summary>
/// <param name="repository">Whose models are served.</param>
/// <param name="options">How.</param>
/// <param name="calls">Ends streams that idle.</param>
internal sealed class InferenceService(ModelRepository repository, ServingOptions options, LongCalls calls)
    : GRPCInferenceService.GRPCInferenceServiceBase
{
    public override Task<ServerLiveResponse> ServerLive(ServerLiveRequest request, ServerCallContext context) =>
        Task.FromResult(new ServerLiveResponse { Live = true });

    public override Task<ServerReadyResponse> ServerReady(ServerReadyRequest request, ServerCallContext context) =>
        Task.FromResult(new ServerReadyResponse { Ready = repository.IsReady });

    public override Task<ModelReadyResponse> ModelReady(ModelReadyRequest request, ServerCallContext context) =>
        Task.FromResult(new ModelReadyResponse { Ready = repository.Takes(request.Name, request.Version) });

    public override Task<ServerMetadataResponse> ServerMetadata(ServerMetadataRequest request, ServerCallContext context) =>
        Task.FromResult(WireResponses.Write(Protocol.ServerMetadata.Current));

    public override Task<ModelMetadataResponse> ModelMetadata(ModelMetadataRequest request, ServerCallContext context) =>
        Task.FromResult(WireResponses.Write(repository.Metadata(request.Name, request.Version)));

    public override Task<ModelConfigResponse> ModelConfig(ModelConfigRequest request, ServerCallContext context) =>
        Task.FromResult(new ModelConfigResponse { Config = WireResponses.Config(repository.Metadata(request.Name, request.Version)) });

    public override Task<ModelStatisticsResponse> ModelStatistics(ModelStatisticsRequest request, ServerCallContext context) =>
        Task.FromResult(WireResponses.Write(repository.Statistics(request.Name, request.Version)));

    public override Task<ModelInferResponse> ModelInfer(ModelInferRequest request, ServerCallContext context) =>
        Infer(request, context);

    public override Task ModelStreamInfer(
        IAsyncStreamReader<ModelInferRequest> requestStream, IServerStreamWriter<ModelStreamInferResponse> responseStream,
        ServerCallContext context) => calls.Run(async () =>
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, calls.Ending);
        var end = Task.Delay(Timeout.Infinite, stopping.Token);
        while (true)
        {
            var next = requestStream.MoveNext(context.CancellationToken);
            if (await Task.WhenAny(next, end).ConfigureAwait(false) != next)
            {
                context.CancellationToken.ThrowIfCancellationRequested();
                throw new ProtocolException(ErrorKind.Unavailable, "The server is about to end and takes no more requests.");
            }

            if (!await next.ConfigureAwait(false)) return;
            var request = requestStream.Current;
            CallErrors.Note(context.GetHttpContext(), request.ModelName, null);
            var answer = new ModelStreamInferResponse();
            try
            {
                answer.InferResponse = await Infer(request, context).ConfigureAwait(false);
            }
            catch (ProtocolException error)
            {
                // The stream goes on; the id tells which request it was.
                CallErrors.Note(context.GetHttpContext(), null, error.Message);
                answer.ErrorMessage = error.Message;
                answer.InferResponse = new ModelInferResponse { ModelName = request.ModelName, Id = request.Id };
            }

            await responseStream.WriteAsync(answer, context.CancellationToken).ConfigureAwait(false);
        }
    });

    public override Task<RepositoryIndexResponse> RepositoryIndex(RepositoryIndexRequest request, ServerCallContext context) =>
        Task.FromResult(WireResponses.Write(repository.Index(request.Ready)));

    public override async Task<RepositoryModelLoadResponse> RepositoryModelLoad(
        RepositoryModelLoadRequest request, ServerCallContext context)
    {
        options.RequireAdministration();
        var parameters = Parameters(request.Parameters);
        ModelParameters.Check(parameters, ["version"]);
        await repository.LoadAsync(request.ModelName, parameters.Text("version"), CancellationToken.None).ConfigureAwait(false);
        return new RepositoryModelLoadResponse();
    }

    public override async Task<RepositoryModelUnloadResponse> RepositoryModelUnload(
        RepositoryModelUnloadRequest request, ServerCallContext context)
    {
        options.RequireAdministration();
        ModelParameters.Check(Parameters(request.Parameters), ["unload_dependents"]);
        await repository.UnloadAsync(request.ModelName, context.CancellationToken).ConfigureAwait(false);
        return new RepositoryModelUnloadResponse();
    }

    private async Task<ModelInferResponse> Infer(ModelInferRequest request, ServerCallContext context)
    {
        using var share = repository.Bodies.Open();
        share.Hold(request.CalculateSize());
        var response = await repository.InferAsync(WireRequests.Read(request, options.Limits), context.CancellationToken)
            .ConfigureAwait(false);
        if (context.GetHttpContext().Features.Get<RequestNotes>() is { } notes) notes.Version = response.Version;
        return WireResponses.Write(response);
    }

    private static RequestParameters Parameters(MapField<string, ModelRepositoryParameter> wire) =>
        new(wire.Select(pair => KeyValuePair.Create(pair.Key, pair.Value.ParameterChoiceCase switch
        {
            ModelRepositoryParameter.ParameterChoiceOneofCase.BoolParam => pair.Value.BoolParam,
            ModelRepositoryParameter.ParameterChoiceOneofCase.Int64Param => pair.Value.Int64Param,
            _ => (object)pair.Value.StringParam,
        })));
}
