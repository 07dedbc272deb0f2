using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Serving.Rpc.Wire;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace DiffeoNN.Onnx.Serving.Rpc;

/// <summary>The one place that says by which status calls end that fail.</summary>
internal sealed class CallErrors : Interceptor
{
    private static readonly object Reached = new();

    /// <summary>The status of an error.</summary>
    public static Status StatusOf(Exception error) => error switch
    {
        ProtocolException told => new Status((StatusCode)told.Kind.ToGrpc(), told.Message),
        OperationCanceledException => new Status(StatusCode.Cancelled, "The call was cancelled."),
        InvalidProtocolBufferException => Malformed,
        _ => new Status(StatusCode.Internal, $"The server failed: {ErrorTexts.OneLine(error.Message)}"),
    };

    /// <summary>Tells senders of what is no message so. It is read before any service is asked, and without this the call would end as
    /// UNKNOWN, as if the server were at fault.</summary>
    public static void TellMalformed(EndpointBuilder endpoint)
    {
        var handle = endpoint.RequestDelegate!;
        endpoint.RequestDelegate = async context =>
        {
            await handle(context).ConfigureAwait(false);
            var headers = context.Response.Headers;
            if (context.Response.HasStarted || context.Items.ContainsKey(Reached) || headers["grpc-status"] != $"{(int)StatusCode.Unknown}")
                return;
            headers["grpc-status"] = $"{(int)Malformed.StatusCode}";
            headers["grpc-message"] = Malformed.Detail;
            Note(context, null, Malformed.Detail);
        };
    }

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Note(context.GetHttpContext(), ModelOf(request), null);
        return Guarded(context, () => continuation(request, context));
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation) => Guarded(context, async () =>
    {
        await continuation(request, responseStream, context).ConfigureAwait(false);
        return true;
    });

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation) => Guarded(context, async () =>
    {
        await continuation(requestStream, responseStream, context).ConfigureAwait(false);
        return true;
    });

    private static Status Malformed { get; } =
        new(StatusCode.InvalidArgument, "The message cannot be read: it is damaged, or of another kind than the call takes.");

    private static async Task<T> Guarded<T>(ServerCallContext context, Func<Task<T>> call)
    {
        context.GetHttpContext().Items[Reached] = true;
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (Exception error) when (error is not RpcException)
        {
            var status = StatusOf(error);
            Note(context.GetHttpContext(), null, status.Detail);
            throw new RpcException(status);
        }
        catch (RpcException error)
        {
            Note(context.GetHttpContext(), null, error.Status.Detail);
            throw;
        }
    }

    /// <summary>Says of a call what its line in the log has.</summary>
    public static void Note(HttpContext context, string? model, string? reason)
    {
        if (context.Features.Get<RequestNotes>() is not { } notes) return;
        notes.Model = model ?? notes.Model;
        notes.Reason = reason ?? notes.Reason;
    }

    private static string? ModelOf(object request) => request switch
    {
        ModelInferRequest asked => asked.ModelName,
        ModelMetadataRequest asked => asked.Name,
        ModelConfigRequest asked => asked.Name,
        ModelStatisticsRequest asked => asked.Name,
        RepositoryModelLoadRequest asked => asked.ModelName,
        RepositoryModelUnloadRequest asked => asked.ModelName,
        _ => null,
    };
}
